"""The text of `kubectl describe` as lines with what is indented below them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_LINE = re.compile(r"( *)([^\s:][^:]*):(?: +(.*)|$)")


@dataclass
class Node:
    """A line with what is indented below it."""

    key: str
    value: str
    depth: int
    below: list["Node"] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    """Of a section: all its lines as they are. In a table a colon is a part of the text."""

    def get(self, key: str) -> "Node | None":
        """The child of that name."""
        return next((node for node in self.below if node.key == key), None)

    def text(self, key: str) -> str:
        """The value of a child; empty for `<none>` and where there is no such child."""
        found = self.get(key)
        return "" if found is None or found.value in ("<none>", "<unset>", "<unknown>") else found.value

    def lines(self, key: str) -> list[str]:
        """The value of a child and the lines that go on with it."""
        found = self.get(key)
        if found is None:
            return []
        inner = [f"{node.key}: {node.value}".strip() for node in found.below]
        return [line for line in (found.value, *found.rest, *inner) if line and line != "<none>"]


def tree(block: str) -> Node:
    """The text up to its events."""
    top = Node("", "", -1)
    way = [top]
    for line in block.split("\nEvents:", 1)[0].splitlines():
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        depth = len(line) - len(line.lstrip())
        if depth and len(way) > 1:
            way[1].raw.append(line.strip())
        if match is None or (depth > 20 and way[-1].depth < depth - 8):
            way[-1].rest.append(line.strip())
            continue
        while len(way) > 1 and way[-1].depth >= depth:
            way.pop()
        node = Node(match[2].strip(), (match[3] or "").strip(), depth)
        way[-1].below.append(node)
        way.append(node)
    return top


def pairs(lines: list[str]) -> dict[str, str]:
    """`a=b` of lines and of what stands between commas."""
    return dict(part.strip().split("=", 1) for line in lines for part in line.split(",") if "=" in part)


def rows(node: Node | None) -> Iterator[Node]:
    """Lines of a section that are a table, as nodes."""
    for line in node.raw if node else ():
        yield Node(" ".join(line.split()), "", 0)

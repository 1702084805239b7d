"""Addresses of places: which host, daemon or cluster is meant, and how much of it. Named per call; there is no current one.

    local                              this host
    recorded:FILE                      looks made elsewhere; answers as the place did that it recorded
    docker://shop                      container or compose project `shop` of the default daemon
    docker://staging/shop              the same of the daemon of docker's context `staging`; `docker://staging/` is all of it
    docker://                          all of the default daemon (docker's context `default`)
    k8s://prod/shop/deploy/api         CONTEXT/NAMESPACE/KIND/NAME; parts may be left out from the right

Parts are separated by `/`. A `/`, `%` or blank inside a part is written in percent form: `k8s://arn:aws:eks:eu-1:1:cluster%2Fprod`.

A kind that wraps takes a fixed number of parts and then the place inside it, in path form: with a kind `ssh` of one part,
`ssh://web1/docker/shop` is `docker://shop` as seen from `web1`. Adding such a kind is a row in `SHAPES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote, unquote

from mcp_server.core.errors import BadInput
from mcp_server.core.text import one_line

PlaceKind = Literal["local", "docker", "k8s"]
"""Kinds of places that can be looked at. A recording is of the kind that it recorded."""

MAX_PART = 253
SPELLED = "local, recorded:FILE, docker://[CONTEXT/]CONTAINER, k8s://CONTEXT[/NAMESPACE[/KIND[/NAME]]]"
"""The grammar in one line, for descriptions."""


@dataclass(frozen=True)
class Shape:
    """How many parts a kind takes, and whether another place may follow inside it."""

    least: int
    most: int
    form: str
    wraps: bool = False


SHAPES: Mapping[str, Shape] = MappingProxyType({
    "docker": Shape(1, 2, "docker://CONTAINER, docker://CONTEXT/CONTAINER or docker://CONTEXT/"),
    "k8s": Shape(1, 4, "k8s://CONTEXT, k8s://CONTEXT/NAMESPACE or k8s://CONTEXT/NAMESPACE/KIND/NAME"),
})  # fmt: skip


@dataclass(frozen=True)
class Address:
    """One place. `parts` are whole: a docker place always begins with its context (`default` where none was named)."""

    kind: str
    parts: tuple[str, ...] = ()
    through: "Address | None" = None
    """The place from which this one is seen, where that is not this host."""

    def part(self, index: int) -> str | None:
        """A part by number, None where it was left out."""
        return self.parts[index] if index < len(self.parts) else None

    def __str__(self) -> str:
        """The form that `parse` reads; an answer names its place by it."""
        if self.kind in ("local", "recorded"):
            return ":".join((self.kind, *self.parts))
        parts = "/".join(quote(part, safe=":@+,=~!$&'()*;") for part in self.parts)
        if self.kind == "docker" and len(self.parts) == 1:
            parts += "/"  # a context alone: without the slash it would be a container
        return f"{self.through}/{self.kind}/{parts}" if self.through else f"{self.kind}://{parts}"


LOCAL = Address("local")


def parse(text: str, shapes: Mapping[str, Shape] = SHAPES) -> Address:
    """The place that a text names. Raises BadInput with the form it should have."""
    if text == "local":
        return LOCAL
    if text.startswith("recorded:"):
        if len(text) == len("recorded:"):
            raise _refused(text, "recorded: and the path of a recording, as save_recording writes it")
        return Address("recorded", (text.removeprefix("recorded:"),))
    kind, mark, rest = text.partition("://")
    if not mark or kind not in shapes:
        forms = ", ".join(shape.form for shape in shapes.values())
        raise _refused(text, f"local, recorded:FILE, {forms}")
    return _inner(text, kind, rest.split("/") if rest else [], shapes, None)


def _inner(text: str, kind: str, raw: list[str], shapes: Mapping[str, Shape], through: Address | None) -> Address:
    shape = shapes[kind]
    own, inner = (raw[: shape.most], raw[shape.most :]) if shape.wraps else (raw, [])
    if kind == "docker" and len(own) < 2:
        own = ["default", *own]  # a name with a slash behind it is a context; without one, something of the default daemon
    if len(own) > 1 and not own[-1]:
        own = own[:-1]
    address = Address(kind, tuple(_part(text, part, shape) for part in own), through)
    if not shape.least <= len(own) <= shape.most:
        raise _refused(text, shape.form)
    if not inner or inner == [""]:
        return address
    if inner[0] not in shapes:
        raise _refused(text, f"{shape.form}, and behind it one of: {', '.join(shapes)}")
    return _inner(text, inner[0], inner[1:], shapes, address)


def _part(text: str, raw: str, shape: Shape) -> str:
    try:
        part = unquote(raw, errors="strict")
    except UnicodeDecodeError:
        part = ""
    if not part or len(part) > MAX_PART or not part.isprintable() or " " in part or part != part.strip():
        raise _refused(text, f"{shape.form}, each part of 1 to {MAX_PART} printable characters without blanks")
    return part


def _refused(text: str, valid: str) -> BadInput:
    return BadInput(f"`target` is `{one_line(text, 80)}`; it should be {valid}")

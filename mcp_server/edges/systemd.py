"""Which systemd units need which others, and which are only started after them?"""

from collections.abc import Iterator

from mcp_server.core.calls import StatFile
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, Relation
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.reader import Reader

EDGE_SOURCE = EdgeSource(question="Which systemd units need which others?", commands=("systemctl",))

ARGV = (
    "systemctl", "show", "--no-pager", "--type=service", "--property=Id,Requires,Requisite,BindsTo,Wants,After", "*",
)  # fmt: skip
_RELATIONS: dict[str, tuple[Relation, float]] = {
    "Requires": ("requires", 0.9), "Requisite": ("requires", 0.9), "BindsTo": ("requires", 0.95), "Wants": ("wants", 0.5),
    "After": ("orders", 0.3),
}  # fmt: skip
_KINDS = (".service", ".socket", ".mount")


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """All loaded services at once. Targets and slices are left out: everything stands on them, and they do not fail."""
    try:
        reader.look(StatFile(path="/run/systemd/system"))  # it exists where systemd is process 1, and only there
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        raise NotApplicable("systemd does not run here: no unit orders another") from None
    seen = reader.run(ARGV)
    if seen.value.exit != 0:
        raise CouldNotLook("systemctl show", "failed", seen.value.err.strip()[:200] or f"exit status {seen.value.exit}")
    if seen.value.cut:
        reader.cut("systemd units", seen.value.cut)
    found = list(edges_in(seen.value.out, seen.evidence))
    if not found:
        reader.empty("systemd: no service names another")
    yield from found


def edges_in(text: str, evidence: str) -> Iterator[Edge]:
    """Edges in the output of `systemctl show`: blocks of `Key=value`, an empty line between two units."""
    for block in text.split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        name, said = told.get("Id", ""), set[str]()
        if not name.endswith(_KINDS):
            continue
        for key, (relation, confidence) in _RELATIONS.items():
            for other in dict.fromkeys(told.get(key, "").split()):
                if other.endswith(_KINDS) and other != name and other not in said:
                    said.add(other)
                    yield Edge(
                        source="systemd", dependent=Component(kind="unit", name=name[:500]), relation=relation,
                        dependency=Component(kind="unit", name=other[:500]), observed=False, confidence=confidence,
                        evidence=(evidence,), detail=key,
                    )  # fmt: skip

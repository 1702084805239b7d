"""Clues: typed traces that a finding and a change may share, such as `module:stripe` or `path:/etc/nginx/nginx.conf`."""

from collections.abc import Iterable

from pydantic import Field

from mcp_server.core.change import Change
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding

WEIGHT = {"module": 100, "package": 90, "unit": 60, "port": 60, "pid": 60, "path": 40, "filesystem": 20, "word": 50}
"""How much a shared clue of a kind says; a module name in a diff says more than a folder that both lie in."""
_FOLDER, _COMPONENT = 20, 15


class Shared(Noun):
    """One clue that both have. `how` is an authored word: exact, folder, …"""

    kind: str = Field(description="ours: a key of WEIGHT, or component")
    value: str = Field(description="data")
    how: str
    weight: int


def shared_clues(finding: Finding, change: Change) -> tuple[Shared, ...]:
    """What they share, the most telling first; empty when only the time connects them."""
    theirs = [_split(clue) for clue in change.clues]
    found = [shared for clue in finding.clues for other in theirs if (shared := _match(*_split(clue), *other))]
    found += [
        Shared(kind="word", value=value, how="stands in the change", weight=WEIGHT["word"])
        for kind, value in map(_split, finding.clues)
        if kind == "word" and len(value) >= 3 and any(value in text for text in _texts(change))
    ]
    if finding.component and finding.component == change.component:
        found.append(Shared(kind="component", value=finding.component, how="the same component", weight=_COMPONENT))
    best: dict[tuple[str, str], Shared] = {}
    for item in sorted(found, key=lambda item: -item.weight):
        best.setdefault((item.kind, item.value), item)
    return tuple(best.values())


def same_subject(one: Finding, other: Finding) -> bool:
    """Whether two findings speak of the same module or package: then they are one cause seen twice."""
    subjects = [
        {_normal(value) for kind, value in map(_split, item.clues) if kind in ("module", "package")} for item in (one, other)
    ]
    return bool(subjects[0] & subjects[1])


def share_any(one: Finding, others: Iterable[Finding]) -> bool:
    """Whether a finding has a clue or the component in common with any of the others."""
    return any(set(one.clues) & set(item.clues) or (one.component and one.component == item.component) for item in others)


def _match(kind: str, value: str, other_kind: str, other: str) -> Shared | None:
    if kind == other_kind == "path":
        return _paths(value, other)
    if kind in ("module", "package") and other_kind in ("module", "package") and _normal(value) == _normal(other):
        how = "exact" if kind == other_kind else f"{kind} and {other_kind} of one name"
        return Shared(kind=kind, value=value, how=how, weight=WEIGHT[kind] - (0 if kind == other_kind else 15))
    if kind == other_kind and value == other and kind in WEIGHT and kind != "word":
        return Shared(kind=kind, value=value, how="exact", weight=WEIGHT[kind])
    return None


def _paths(one: str, other: str) -> Shared | None:
    """Equal paths, or one inside the other. `/` and folders just below it contain everything and say nothing."""
    if one == other:
        return Shared(kind="path", value=one, how="exact", weight=WEIGHT["path"])
    short, long = sorted((one.rstrip("/"), other.rstrip("/")), key=len)
    if short.count("/") < 2 or not long.startswith(short + "/"):
        return None
    return Shared(kind="path", value=long, how="inside the same folder", weight=_FOLDER + min(short.count("/"), 9))


def _split(clue: str) -> tuple[str, str]:
    kind, _, value = clue.partition(":")
    return kind, value


def _normal(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _texts(change: Change) -> list[str]:
    return [*change.summary.quotes, *(value for value in change.summary.values.values() if isinstance(value, str))]

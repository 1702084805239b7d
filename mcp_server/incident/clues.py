"""Clues: typed traces that a finding and a change may share, such as `module:stripe` or `path:/etc/nginx/nginx.conf`."""

import math
from collections.abc import Iterable

from pydantic import Field

from mcp_server.core.change import Change
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding

WEIGHT = {"module": 100, "package": 90, "unit": 60, "port": 60, "pid": 60, "path": 40, "filesystem": 20, "word": 50}
"""How much a shared clue of a kind says; a module name in a diff says more than a folder that both lie in."""
_INSIDE, _AROUND, _COMPONENT = 35, 10, 15
_RIGHTS, _NAMED, _START = 25, 25, 30
"""Taken off when only rights changed, when a port only stands in a file that changed, when a process merely started."""


class Shared(Noun):
    """One clue that both have. `how` is an authored word: exact, folder, …"""

    kind: str = Field(description="ours: a key of WEIGHT, or component")
    value: str = Field(description="data")
    how: str
    weight: int


def shared_clues(finding: Finding, change: Change) -> tuple[Shared, ...]:
    """What they share, the most telling first; empty when only the time connects them.

    A change with many clues (a row of files told as one) says less with each of them; a change of rights says little; a
    file names all its ports, changed or not; the start of a process is how other changes take effect.
    """
    theirs = [_split(clue) for clue in change.clues]
    paths = [value for kind, value in theirs if kind == "path"]
    around = {path for path in paths if any(other.startswith(path.rstrip("/") + "/") for other in paths)}
    found = [shared for clue in finding.clues for other in theirs if (shared := _match(*_split(clue), *other))]
    found += [
        Shared(kind="word", value=value, how="stands in the change", weight=WEIGHT["word"])
        for kind, value in map(_split, finding.clues)
        if kind == "word" and len(value) >= 3 and any(value in text for text in _texts(change))
    ]
    if finding.component and finding.component == change.component:
        found.append(Shared(kind="component", value=finding.component, how="the same component", weight=_COMPONENT))
    best: dict[tuple[str, str], Shared] = {}
    less = round(2.5 * math.log2(max(1, len(theirs)))) + (_RIGHTS if change.kind == "attributes" else 0)
    less += _START if "runtime" in change.classes else 0
    for item in found:
        weight = item.weight - less - (_NAMED if item.kind == "port" and change.source == "files" else 0)
        if item.kind == "path" and item.value in around:
            weight = _AROUND - less  # the checkout a commit lies in, not a file that it touched
        known = best.get((item.kind, item.value))
        if weight > 0 and (known is None or known.weight < weight):
            best[item.kind, item.value] = item.model_copy(update={"weight": weight})
    return tuple(sorted(best.values(), key=lambda item: -item.weight))


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


def _paths(found: str, changed: str) -> Shared | None:
    """Equal paths, or one inside the other. `/` and folders just below it contain everything and say nothing.

    A file that changed inside the folder or mount found says more than a change of the whole folder a found file lies in.
    """
    if found == changed:
        return Shared(kind="path", value=found, how="exact", weight=WEIGHT["path"])
    for folder, item, how, weight in (
        (found, changed, "inside the folder concerned", _INSIDE), (changed, found, "somewhere in the folder changed", _AROUND),
    ):  # fmt: skip
        top = folder.rstrip("/")
        if top.count("/") >= 2 and item.startswith(top + "/"):
            return Shared(kind="path", value=item, how=how, weight=weight)
    return None


def _split(clue: str) -> tuple[str, str]:
    kind, _, value = clue.partition(":")
    return kind, value


def _normal(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _texts(change: Change) -> list[str]:
    return [*change.summary.quotes, *(value for value in change.summary.values.values() if isinstance(value, str))]

"""What a symptom and a change share: typed clues such as `module:stripe` or `path:/etc/nginx/nginx.conf`.

The weights are points as everywhere in the ranking: ten double the odds. A module's name in a diff says more than a folder
that both lie in.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pydantic import Field

from mcp_server.core.change import Change
from mcp_server.core.clues import class_of
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding
from mcp_server.engine.ranking_data import Candidate, Symptom, candidate_of

WEIGHT = {
    "module": 100,
    "package": 90,
    "unit": 60,
    "port": 60,
    "pid": 60,
    "path": 40,
    "filesystem": 20,
    "word": 50,
    "container": 80,
    "workload": 80,
    "image": 90,
}
_INSIDE, _AROUND, _COMPONENT = 35, 10, 15
_RIGHTS, _NAMED, _START = 25, 25, 30
"""Taken off when only rights changed, when a port only stands in a file that changed, when a process merely started."""
_HOW_INSIDE, HOW_AROUND = "inside the folder concerned", "somewhere in the folder changed"
_FRAME, _FRAMES, _ELSEWHERE = 6, 18, 25
"""Taken off per frame of a trace outwards, at most; and where the error says that something outside failed."""
_LENT, _LENT_LESS = ("module", "package", "path"), 10
"""Kinds of clue that a mere consequence lends to the search for the cause, and how much less they say."""


class Shared(Noun):
    """One clue that both have. `how` is an authored word: exact, folder, …"""

    kind: str = Field(description="ours: a key of WEIGHT, or component")
    value: str = Field(description="data")
    how: str
    weight: int


@dataclass(frozen=True)
class Traces:
    """A change's clues, arranged so that each clue of a symptom finds its like without going through all of them."""

    change: Candidate
    texts: tuple[str, ...]
    exact: frozenset[tuple[str, str]]
    names: Mapping[str, Sequence[tuple[str, str]]]
    """Modules and packages by their normal name."""
    inside: Mapping[str, Sequence[str]]
    """Paths by every folder they lie in."""
    relative: tuple[str, ...]
    around: frozenset[str]
    """Paths that hold others of the same change: the checkout a commit lies in, not a file that it touched."""

    def less(self, refused: bool) -> int:
        """What every clue loses: many clues, only rights (unless access is refused), a mere start."""
        rights = _RIGHTS if self.change.kind == "attributes" and not refused else 0
        return round(2.5 * math.log2(max(1, len(self.exact)))) + rights + (_START if "runtime" in self.change.kinds() else 0)


def traces(change: Change | Candidate) -> Traces:
    """The arrangement of one change."""
    texts = tuple(_texts(change))
    change = change if isinstance(change, Candidate) else candidate_of(change)
    names: dict[str, list[tuple[str, str]]] = {}
    inside: dict[str, list[str]] = {}
    exact = dict.fromkeys(map(_split, change.all_clues()))
    for kind, value in exact:
        if kind in ("module", "package"):
            names.setdefault(_normal(value), []).append((kind, value))
        for folder in _folders(value) if kind == "path" else ():
            inside.setdefault(folder, []).append(value)
    paths = [value for kind, value in exact if kind == "path"]
    return Traces(
        change, texts, frozenset(exact), names, inside, tuple(path for path in paths if not path.startswith("/")),
        frozenset(path for path in paths if path.rstrip("/") in inside),
    )  # fmt: skip


def _folders(path: str) -> list[str]:
    parts = path.rstrip("/").split("/")
    return ["/".join(parts[:count]) for count in range(2, len(parts))]


def shared_clues(symptom: Finding | Symptom, change: Change | Candidate | Traces) -> tuple[Shared, ...]:
    """What they share, the most telling first; empty when only the time connects them.

    A change with many clues (a row of files told as one) says less with each of them; a change of rights says little; a
    file names all its ports, changed or not; the start of a process is how other changes take effect.
    """
    theirs = change if isinstance(change, Traces) else traces(change)
    change, clues, around = theirs.change, symptom.clues, theirs.around
    found = [shared for clue in clues for shared in _matches(*_split(clue), theirs)]
    if symptom.component and symptom.component == change.component:
        found.append(Shared(kind="component", value=symptom.component, how="the same component", weight=_COMPONENT))
    if not found:
        return ()
    frames = [value for kind, value in map(_split, clues) if kind == "path" and _is_code(value)]
    said = symptom.text if isinstance(symptom, Symptom) else " ".join((symptom.text, *symptom.quotes))
    outside, refused = _nature(said)
    less = theirs.less(refused)
    best: dict[tuple[str, str], Shared] = {}
    whole = any(_holds(clue.removeprefix("path:"), top) for clue in clues for top in around)
    for item in found:
        if whole and item.how == _HOW_INSIDE:  # every commit of a checkout lies inside it
            item = Shared(kind=item.kind, value=item.value, how=HOW_AROUND, weight=_AROUND)  # noqa: PLW2901 -- weighed anew
        if item.kind == "path" and item.value in frames and item.weight >= _INSIDE:
            further = min(_FRAME * frames.index(item.value), _FRAMES)  # the innermost comes first
            item = item.model_copy(update={"weight": item.weight - further - (_ELSEWHERE if outside else 0)})  # noqa: PLW2901
        weight = item.weight - less - (_NAMED if item.kind == "port" and change.source == "files" else 0)
        if item.kind == "path" and item.value in around:
            weight = _AROUND - less  # the checkout a commit lies in, not a file that it touched
        known = best.get((item.kind, item.value))
        if weight > 0 and (known is None or known.weight < weight):
            best[item.kind, item.value] = item.model_copy(update={"weight": weight})
    return tuple(sorted(best.values(), key=lambda item: -item.weight))


_OUTSIDE = re.compile(
    r"(?i)connection (?:refused|reset|timed out)|connect ?timeout|read timed out|max retries exceeded|no route to host"
    r"|network is unreachable|name resolution|name or service not known|could not translate host|no space left|ENOSPC|quota"
    r"|out of memory|cannot allocate memory|certificate (?:has )?expired|certificate verify failed|service unavailable"
    r"|\b50[234] server error|too many requests|bad gateway|gateway time-?out|server closed the connection"
    r"|permission denied|cannot open shared object|unknown column|no such (?:table|column)"
    r"|\b(?:column|table|relation|role|database) \S{1,80} does not exist"
)
"""Something outside the program (a peer, the disk, rights, a schema, a library) did not do its part: where in the code that
surfaced says little about the cause."""
_REFUSED = re.compile(r"(?i)permission|denied|not permitted|EACCES|EPERM|forbidden")
"""Where access is refused, a change of rights is as telling as one of content."""


@lru_cache(maxsize=4_096)
def _is_code(path: str) -> bool:
    return class_of(path) == "code"


def surfaced_elsewhere(said: str) -> bool:
    """Whether an error speaks of something outside the program: where in the code that surfaced says little."""
    return _nature(said)[0]


@lru_cache(maxsize=256)
def _nature(said: str) -> tuple[bool, bool]:
    """Whether an error speaks of something outside, and of refused access."""
    return _OUTSIDE.search(said) is not None, _REFUSED.search(said) is not None


def all_shared(symptoms: Iterable[Symptom], change: Candidate) -> tuple[Shared, ...]:
    """Over several symptoms, each clue once with its highest weight; consequences lend only their telling clues."""
    found: list[Shared] = []
    theirs = traces(change)
    for symptom in symptoms:
        shared = shared_clues(symptom, theirs)
        if symptom.indirect:
            lent = [item for item in shared if item.kind in _LENT and item.how == "exact"]
            shared = tuple(
                item.model_copy(update={"weight": item.weight - _LENT_LESS, "how": "exact, through a symptom"})
                for item in lent
                if item.weight > _LENT_LESS
            )
        found += shared
    found.sort(key=lambda item: -item.weight)
    once = {(item.kind, item.value): item for item in reversed(found)}
    return tuple(sorted(once.values(), key=lambda item: -item.weight))


def _matches(kind: str, value: str, theirs: Traces) -> Iterator[Shared]:
    """Everything that one clue of a symptom meets in a change."""
    if kind == "path":
        yield from _paths(value, theirs)
    elif kind in ("module", "package"):
        for other_kind, _ in theirs.names.get(_normal(value), ()):
            how = "exact" if kind == other_kind else f"{kind} and {other_kind} of one name"
            yield Shared(kind=kind, value=value, how=how, weight=WEIGHT[kind] - (0 if kind == other_kind else 15))
    elif kind == "word":
        if len(value) >= 3 and any(value in text for text in theirs.texts):
            yield Shared(kind="word", value=value, how="stands in the change", weight=WEIGHT["word"])
    elif kind in WEIGHT and (kind, value) in theirs.exact:
        yield Shared(kind=kind, value=value, how="exact", weight=WEIGHT[kind])


def _paths(found: str, theirs: Traces) -> Iterator[Shared]:
    """Equal paths, or one inside the other. `/` and folders just below it contain everything and say nothing.

    A file that changed inside the folder or mount found says more than a change of the whole folder a found file lies in.
    """
    if ("path", found) in theirs.exact:
        yield Shared(kind="path", value=found, how="exact", weight=WEIGHT["path"])
    elif any(found.endswith(f"/{path}") for path in theirs.relative):
        yield Shared(kind="path", value=found, how="ends in the file changed", weight=WEIGHT["path"])
    top = found.rstrip("/")
    for item in theirs.inside.get(top, ()) if top.count("/") >= 2 else ():
        yield Shared(kind="path", value=item, how=_HOW_INSIDE, weight=_INSIDE)
    if any(folder.count("/") >= 2 and (("path", folder) in theirs.exact) for folder in _folders(found)):
        yield Shared(kind="path", value=found, how=HOW_AROUND, weight=_AROUND)


def _holds(folder: str, top: str) -> bool:
    return top == folder or (folder.startswith("/") and top.startswith(folder.rstrip("/") + "/"))


def _split(clue: str) -> tuple[str, str]:
    kind, _, value = clue.partition(":")
    return kind, value


def _normal(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _texts(change: Change | Candidate) -> list[str]:
    if isinstance(change, Candidate):
        return [change.text, *change.diff, *change.words]
    return [
        *change.summary.quotes,
        *(value for value in change.summary.values.values() if isinstance(value, str)),
        *change.words,
    ]

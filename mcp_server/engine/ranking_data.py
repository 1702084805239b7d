"""What the ranker takes and gives: plain records, all of them also readable from JSON (`ranking` documents the shapes)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from mcp_server.core.change import Change, ChangeClass, Touched
from mcp_server.core.clock import Moment, from_epoch, parse_moment, stamp
from mcp_server.core.clues import class_of, modules_in, packages_in, ports_in, words_in
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, Statement, Value


def _moment(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a moment is ISO 8601 with a zone, or seconds since 1970")
    if isinstance(value, int | float):
        return from_epoch(value)
    return parse_moment(value) if isinstance(value, str) else value


Time = Annotated[Moment, BeforeValidator(_moment), PlainSerializer(stamp, when_used="json")]
"""ISO 8601 with a zone, or seconds since 1970."""


class Candidate(Noun):
    """One change as the ranker sees it."""

    id: str
    at: Time = Field(description="when it took effect")
    doubt_ms: int = Field(0, ge=0, description="how far off `at` may be")
    component: str = Field("", description="what was changed: service, repository, package, file")
    source: str = ""
    kind: str = Field("", description="commit, release, upgrade, downgrade, edit, attributes, start, remove …")
    classes: tuple[ChangeClass, ...] = ()
    text: str = Field("", description="subject or description; data")
    files: tuple[str, ...] = ()
    diff: tuple[str, ...] = Field((), description="changed lines, with or without a leading + or -")
    clues: tuple[str, ...] = Field(
        (), description="module:x package:x path:/x port:80 unit:x filesystem:/x; more are read from diff"
    )
    words: tuple[str, ...] = Field((), description="words of the changed lines; read from diff when that is given")
    touched: tuple[Touched, ...] = Field((), description="places of code that it wrote, to compare with an error's frames")
    version: str = Field("", description="version that observations show on instances which have the change")
    instances: tuple[str, ...] = Field((), description="instances that have the change, where the versions do not say")
    taken: dict[str, Time] = Field({}, description="when each instance got it; JSON: `instances` as {name: time}")
    reverted_at: Time | None = None
    superseded_at: Time | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_instance(cls, given: object) -> object:
        """`instances` may say when each of them got the change."""
        if isinstance(given, Mapping) and isinstance(given.get("instances"), Mapping):
            taken = {**given["instances"], **given.get("taken", {})}
            return {**given, "instances": tuple(taken), "taken": taken}
        return given

    def all_clues(self) -> tuple[str, ...]:
        """Declared clues, and those that files and changed lines show."""
        if not (self.diff or self.files):
            return self.clues
        lines = [line[1:] if line[:1] in "+-" else line for line in self.diff if not line.startswith(("+++", "---"))]
        found = [*self.clues, *(f"path:{file}" for file in self.files), *modules_in(lines), *ports_in(lines)]
        if any(class_of(file) == "dependency" for file in self.files):
            found += packages_in(lines, bare=True)
        return tuple(dict.fromkeys(found))[:300]

    def all_words(self) -> tuple[str, ...]:
        """Words of the changed lines and of the description."""
        return (*self.words, *words_in((*self.diff, self.text)))

    def kinds(self) -> tuple[str, ...]:
        """Its classes, by its files where nobody said."""
        return self.classes or tuple(dict.fromkeys(class_of(file) for file in self.files)) or ("other",)


class Symptom(Noun):
    """Something seen to be wrong."""

    text: str = Field("", description="error message or alert; data")
    clues: tuple[str, ...] = ()
    component: str | None = None
    at: Time | None = None
    last: Time | None = Field(None, description="when it was last seen")
    indirect: bool = Field(False, description="a consequence of another symptom: its clues count for less")


class Point(Noun):
    """One value of a series."""

    at: float = Field(description="seconds since 1970")
    value: float


class Series(Noun):
    """One metric of one instance. `toward` names the component called, where it is measured about calls to another one."""

    component: str
    instance: str
    metric: str
    version: str = ""
    toward: str = ""
    points: tuple[tuple[float, float], ...] = Field(description="(seconds since 1970, value), any order")


class Edge(Noun):
    """`caller` needs `callee`."""

    caller: str
    callee: str


class Past(Noun):
    """An earlier incident whose cause is known."""

    at: Time
    component: str = ""
    kind: str = ""
    clues: tuple[str, ...] = Field((), description="clues of the change that caused it")
    id: str = ""


class Part(Noun):
    """One reason, with its points: ten of them double the odds; negative ones are counter-evidence."""

    name: Literal["time", "class", "place", "clue", "words", "blast", "undone", "history", "echo", "frame", "elsewhere"]
    points: float
    text: str = Field(description="authored, with {places}")
    values: dict[str, Value] = {}


class Ranked(Noun):
    """One change with its score. `index` is its place in what was given."""

    index: int
    id: str
    score: float
    support: float = Field(description="points of everything that links it to the symptom, time and kind apart")
    excluded: Literal["", "after"] = ""
    parts: tuple[Part, ...] = ()

    def counter(self) -> tuple[Part, ...]:
        """What speaks against it."""
        return tuple(part for part in self.parts if part.points < 0)


class Ranking(Noun):
    """All changes, the most probable first; `named` is the one that explains the symptom, None when none does."""

    changes: tuple[Ranked, ...] = ()
    named: str | None = None
    conclusion: Statement
    unseen: tuple[str, ...] = Field((), description="what could not be looked at")

    def best(self) -> Ranked | None:
        """The change named, if one is."""
        return self.changes[0] if self.named is not None and self.changes else None


def candidate_of(change: Change, index: int = 0) -> Candidate:
    """A change as the change sources tell it."""
    values = change.summary.values
    texts = [str(values[key]) for key in ("subject", "command", "package") if isinstance(values.get(key), str)]
    return Candidate(
        id=str(index), at=change.at, doubt_ms=change.doubt_ms, component=change.component, source=change.source,
        kind=change.kind, classes=change.classes, text=" ".join(texts), clues=change.clues, words=change.words,
        touched=change.touched,
        version=change.reference,
    )  # fmt: skip


_QUOTED = re.compile(r"['\"](/[^'\"\n]{1,300})['\"]")
_NO_WORDS = ("path", "first", "last", "target", "since", "until")


def symptom_of(finding: Finding, *, indirect: bool = False) -> Symptom:
    """A finding as a symptom: its quotes (without any, its values) are the words, its clues the traces."""
    said = [str(value) for key, value in finding.values.items() if key not in _NO_WORDS and isinstance(value, str)]
    ends = [quote.rstrip().rpartition("\n")[2][-1_000:] for quote in finding.quotes]  # what a trace ends in
    named = [f"path:{match[1]}" for end in ends for match in _QUOTED.finditer(end) if not end.lstrip().startswith("File ")]
    return Symptom(
        text=" ".join(finding.quotes or said)[:8_000], clues=tuple(dict.fromkeys((*finding.clues, *named[:5]))),
        component=finding.component, at=finding.at, last=_last(finding.values.get("last")), indirect=indirect,
    )  # fmt: skip


def _last(value: Value) -> datetime | None:
    try:
        return parse_moment(value) if isinstance(value, str) else None
    except ValueError:  # some finding's own word of that name
        return None


def candidates_of(changes: Sequence[Change | Candidate]) -> list[Candidate]:
    """Both forms as candidates, in the given order."""
    return [item if isinstance(item, Candidate) else candidate_of(item, index) for index, item in enumerate(changes)]

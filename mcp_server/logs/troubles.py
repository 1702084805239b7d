"""Known troubles: what a program's message means, as data in `patterns/*.yaml`, and finding them in text quickly."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from mcp_server.core.errors import Broken
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Severity
from mcp_server.core.text import one_line
from mcp_server.logs.literals import SHORTEST, Finder, Literals, required

HEAD, END = 49_152, 16_384
"""Characters considered of a text longer than both together: its head and its end."""
CLUES = ("module", "package", "path", "port", "pid", "unit", "filesystem")
"""Named groups that become clues; a group of another name is an extract and nothing more."""
_RANK = {"critical": 0, "warning": 1, "info": 2}
_CONTROL = re.compile(r"\x1b\[[0-9;:?]{0,40}[ -/]{0,4}[@-~]|\x1b\][^\x07\x1b\n]{0,500}(?:\x07|\x1b\\)|\0")
_ID = r"^[a-z][a-z0-9_]{1,29}\.[a-z][a-z0-9_]{1,49}$"

FindingCode = Literal[
    "upstream_refused", "upstream_timed_out", "upstream_closed", "import_failed", "address_in_use", "configuration_rejected",
    "no_space", "out_of_memory", "too_many_files", "worker_timeout", "name_not_resolved", "tls_expired", "permission_denied",
    "connection_refused",
]  # fmt: skip
"""Findings that a trouble can be; all others are one finding, `known_trouble`."""
Own = tuple[tuple[str, str], ...]
"""Files of a user's own patterns: name and text of each."""


class Trouble(Noun):
    """One trouble that programs report in known words."""

    id: str = Field(pattern=_ID, description="stable: area.name")
    title: str = Field(min_length=5, max_length=100)
    match: tuple[str, ...] = Field(min_length=1, description="any of these; named groups are extracts")
    hints: tuple[str, ...] = Field((), description="literals of which every match holds one, where they cannot be derived")
    extract: tuple[str, ...] = Field((), description="looked for in the whole record once it matched")
    severity: Severity
    meaning: str = Field(min_length=10, max_length=300)
    causes: tuple[str, ...] = Field(min_length=1, max_length=4)
    next: tuple[str, ...] = Field((), max_length=5, description="tools of ours worth asking then")
    finding: FindingCode | None = Field(None, description="finding of recent_errors that it is; None: known_trouble")
    general: bool = Field(False, description="counts only where nothing more specific matches")
    calm: bool = Field(False, description="counts also in records that call themselves information")
    samples: tuple[str, ...] = Field(min_length=1, description="lines that match")
    look_alikes: tuple[str, ...] = Field((), alias="not", description="lines that must not match")

    @field_validator("match", "extract", "hints", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def literals(self) -> Literals:
        """Literals of which every match holds one. Raises ValueError where a pattern is not of the subset."""
        for pattern in self.extract:
            required(pattern)
        words: list[str] = []
        for pattern in self.match:
            derived = required(pattern)  # also where hints are given: it checks the pattern
            derived = self.hints or derived
            if min(map(len, derived), default=0) < SHORTEST:
                raise ValueError(f"no literal of {SHORTEST} characters is certain in `{pattern}`: name some in `hints`")
            words += derived
        return tuple(dict.fromkeys(words))


@dataclass(frozen=True, slots=True)
class Match:
    """A trouble found in a text, where, and what it is about. `span` is the whole text where control codes stood in it."""

    trouble: Trouble
    span: tuple[int, int]
    extracts: dict[str, str] = field(default_factory=dict)

    @property
    def clues(self) -> tuple[str, ...]:
        """The extracts that a change may share, typed."""
        return tuple(f"{name}:{_clue(name, self.extracts[name])}" for name in CLUES if self.extracts.get(name))


def _clue(name: str, value: str) -> str:
    return (
        value.partition(".")[0] if name == "module" else value.rstrip("/") or "/" if name in ("path", "filesystem") else value
    )


class Troubles:
    """All known troubles, ready to be found."""

    def __init__(self, troubles: Sequence[Trouble], literals: Sequence[Literals]) -> None:
        self.troubles = tuple(troubles)
        owners: dict[str, list[int]] = {}
        for index, words in enumerate(literals):
            for word in words:
                owners.setdefault(word, []).append(index)
        self._find = Finder(owners).find

    def match(self, text: str, *, calm_only: bool = False, around: str | None = None) -> list[Match]:
        """Every trouble that `text` (a record, lines joined) tells of, the most telling first. Never raises.

        `around` is the record whole where `text` is a part of it: further extracts are looked for there.
        """
        size = len(text)
        if plain := ("\x1b" in text or "\0" in text):
            text = _CONTROL.sub("", text)
        gap = max(0, len(text) - HEAD - END)
        if gap:
            text = f"{text[:HEAD]}\n{text[HEAD + gap :]}"
        found = self._find(text)
        if not found:
            return []
        matches: list[Match] = []
        for index in sorted(found):
            trouble = self.troubles[index]
            if trouble.calm or not calm_only:
                matches += _first(trouble, text, around or text, (0, size) if plain else None, gap)
        specific = [item for item in matches if not item.trouble.general]
        return sorted(specific or matches, key=lambda item: (_RANK[item.trouble.severity], item.span))

    def match_many(self, lines: Iterable[str]) -> Iterator[tuple[int, list[Match]]]:
        """The lines that tell of a trouble, by their place, with what they tell."""
        for place, line in enumerate(lines):
            if matches := self.match(line):
                yield place, matches


def _first(trouble: Trouble, text: str, around: str, span: tuple[int, int] | None, gap: int) -> list[Match]:
    for pattern in trouble.match:
        if match := _compiled(pattern).search(text):
            extracts = {name: value for name, value in match.groupdict().items() if value}
            for more in trouble.extract:
                if also := _compiled(more).search(around, 0, HEAD):
                    extracts = {name: value for name, value in also.groupdict().items() if value} | extracts
            start, end = (place + (gap - 1 if gap and place > HEAD else 0) for place in match.span())
            return [Match(trouble, span or (start, end), extracts)]
    return []


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when a text first holds one of its literals: most never are."""
    return re.compile(pattern, re.M | re.ASCII)


@lru_cache(maxsize=4)
def load(own: Own = ()) -> Troubles:
    """The shipped troubles and a user's own. Raises Broken naming file, pattern and reason."""
    troubles: list[Trouble] = []
    literals: list[Literals] = []
    homes: dict[str, str] = {}
    for name, text, ours in [(*file, True) for file in _shipped()] + [(*file, False) for file in own]:
        for trouble in _read(name, text):
            if trouble.id in homes:
                raise Broken(f"{name}: pattern {trouble.id} is already defined in {homes[trouble.id]}", "rename one")
            homes[trouble.id] = name
            try:
                literals.append(trouble.literals())
                if not ours:  # shipped ones are compiled by the tests, and here when first needed
                    _ = [_compiled(pattern) for pattern in (*trouble.match, *trouble.extract)]
            except (ValueError, re.error) as error:
                raise Broken(f"{name}: pattern {trouble.id}: {one_line(error)}", "mend or remove it") from None
            troubles.append(trouble)
    return Troubles(troubles, literals)


def _shipped() -> Iterator[tuple[str, str]]:
    from importlib.resources import files

    folder = files("mcp_server.logs") / "patterns"
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".yaml"):
            yield file.name, file.read_text(encoding="utf8")


def _read(name: str, text: str) -> Iterator[Trouble]:
    """The troubles of one file: a list of mappings."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        entries = yaml.load(text, Loader=loader)  # noqa: S506 -- one of the two safe loaders
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that does not exist
        raise Broken(f"{name}: cannot be read as YAML: {one_line(error, 300)}", "mend it") from None
    if not isinstance(entries, list):
        raise Broken(f"{name}: it should be a list of patterns", "begin each with `- id: area.name`")
    for number, entry in enumerate(entries, start=1):
        try:
            yield Trouble.model_validate(entry)
        except ValidationError as error:
            item = error.errors()[0]
            where = ".".join(map(str, item["loc"])) or "it"
            which = one_line(entry.get("id", f"number {number}"), 60) if isinstance(entry, dict) else f"number {number}"
            raise Broken(f"{name}: pattern {which}: `{one_line(where, 60)}`: {item['msg']}", "mend or remove it") from None

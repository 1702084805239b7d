"""Errors among records, grouped: known troubles by what they are about, unknown ones by their shape."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, tzinfo

from pydantic import BaseModel, ConfigDict, Field

from mcp_server.core.calls import ListFolder
from mcp_server.core.clock import Moment
from mcp_server.core.errors import Broken
from mcp_server.core.outcome import Severity
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount
from mcp_server.logs.records import Level, Record, weight
from mcp_server.logs.shapes import frames, own_words, shape
from mcp_server.logs.troubles import Match, Own, Troubles, load

KNOWN_TROUBLE = "known_trouble"
_SUBJECTS = 5
"""Subjects of one trouble told apart; further ones are counted together, so that no log makes endless findings."""
_FILES, _FILE_BYTES = 50, 262_144


class Group(BaseModel):
    """Equal errors of one log. `code` is None for an unknown shape; `first` is None when they carry no time."""

    model_config = ConfigDict(extra="forbid")

    path: str
    evidence: str
    code: str | None = None
    trouble: str = Field("", description="id of the known trouble")
    title: str = ""
    meaning: str = ""
    next: str = Field("", description="tools worth asking, joined")
    severity: Severity | None = None
    subject: str = ""
    clues: tuple[str, ...] = ()
    shape: str = ""
    level: Level | None = None
    count: int = 1
    first: Moment | None = None
    doubt_ms: int = Field(0, description="how far off `first` may be")
    last: Moment | None = None
    example: str
    files: tuple[str, ...] = Field((), description="the application's own files in the trace, innermost first")


def known_here(reader: Reader) -> Troubles:
    """The shipped troubles and those of the folder that the settings name; see `own_patterns`."""
    return load(own_patterns(reader))


def own_patterns(reader: Reader) -> Own:
    """The files of the folder of patterns that the settings name. What cannot be read or used of it is a blind spot, and
    then there are none."""
    if reader.patterns is None:
        return ()
    what = f"own log patterns in {reader.patterns}"
    own: list[tuple[str, str]] = []
    with reader.part(what):
        folder = reader.look(ListFolder(path=reader.patterns, pattern="*.yaml")).value
        if folder.cut or len(folder.entries) > _FILES:
            reader.cut(what, f"at most {_FILES} files are read; join some")
        for entry in sorted(folder.entries, key=lambda item: item.path)[:_FILES]:
            file = reader.file(entry.path, length=_FILE_BYTES).value
            if file.end < file.size:
                reader.cut(entry.path, f"more than {_FILE_BYTES} bytes; divide it")
            else:
                own.append((entry.path, file.text))
        if not own:
            reader.empty(what)
    try:
        load(tuple(own))
    except Broken as broken:
        reader.blind(what, broken.message, broken.remedy)
        return ()
    return tuple(own)


def recognise(troubles: Troubles, record: Record) -> Match | None:
    """The most telling trouble of a record, None where nothing is known. Words that a visitor wrote do not count."""
    calm = record.level in ("info", "debug")
    found = troubles.match(own_words(record.text), calm_only=calm, around=record.text)
    return found[0] if found else None


def group(
    path: str,
    evidence: str,
    records: Iterable[Record],
    *,
    troubles: Troubles,
    since: datetime,
    modified: datetime,
    zone: tzinfo | None = None,
) -> list[Group]:
    """Errors and known troubles since `since`; a record without a time is as old as the log's last change.

    `zone` is that of times which name none; None for the host's.
    """
    groups: dict[tuple[str, str], Group] = {}
    subjects: Counter[str] = Counter()
    for record in records:
        if (record.at or modified) < since:
            continue
        known = recognise(troubles, record)
        telling = weight(record.level) <= weight("error")
        if not telling and (known is None or known.trouble.severity == "info"):
            continue
        key = (known.trouble.id, (*_about(known), "")[0]) if known else ("", shape(record))
        if known and key not in groups:
            if subjects[key[0]] >= _SUBJECTS:
                key = (key[0], "")
            subjects[key[0]] += 1
        if key not in groups:
            groups[key] = Group(
                path=path, evidence=evidence, level=record.level, shape=shape(record), count=0,
                example=_example(record.text), files=frames(record.text), **_known(known, key[1]),
            )  # fmt: skip
        _count(groups[key], record, zone)
    return list(groups.values())


def _about(known: Match) -> tuple[str, ...]:
    """What tells its records apart. A process that ended is none: the next one has another number."""
    return tuple(clue for clue in known.clues if not clue.startswith("pid:"))


def _known(known: Match | None, subject: str) -> dict[str, str | Severity | tuple[str, ...]]:
    if known is None:
        return {}
    trouble = known.trouble
    return {
        "code": trouble.finding or KNOWN_TROUBLE, "trouble": trouble.id, "title": trouble.title, "meaning": trouble.meaning,
        "next": ", ".join(trouble.next), "severity": trouble.severity, "subject": subject,
        "clues": _about(known) if subject else (),
    }  # fmt: skip


def _count(group: Group, record: Record, zone: tzinfo | None) -> None:
    from mcp_server.logs.time import doubt_of

    group.count += 1
    if not group.files and (files := frames(record.text)):  # the record that says where is the better example
        group.files, group.example = files, _example(record.text)
    if record.at:
        if group.first is None or record.at < group.first:
            group.first, group.doubt_ms = record.at, doubt_of(record.text, zone, record.at)
        group.last = max(group.last or record.at, record.at)
    if weight(record.level) < weight(group.level):
        group.level = record.level


def _example(text: str) -> str:
    """Head and end of a record: a trace says what at its end, where at both."""
    lines = [line[:400] for line in text.split("\n")]
    return "\n".join(lines if len(lines) <= 14 else [*lines[:4], f"… {amount(len(lines) - 14, 'line')} …", *lines[-10:]])

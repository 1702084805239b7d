"""What `git log` prints, read line by line: commits with their files and changed lines, nothing of it trusted."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mcp_server.core.calls import Commit
from mcp_server.core.git_calls import Hunk
from mcp_server.targets.opening import moment

_LINES, _LINE_CHARS, _FILES = 200, 300, 1_000
_HUNKS, _DEFINES = 40, 20
_SUBJECT_CHARS, _NAME_CHARS = 500, 200
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_REMARK = re.compile(rb"\s*(?:#(?!include|define|if|el|end|pragma|!)|//|/\*|\*/|\* |$)")
_HEAD = re.compile(
    rb"\s*(?:(?:async|export|public|private|static|default|pub) +){0,3}"
    rb"(?:def|class|func|function|fn) +(?:\([^)]{0,80}\) *)?(\w{1,100})"
)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}


@dataclass
class _Open:
    """A commit whose patch is being read."""

    fields: list[bytes]
    files: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    objects: list[tuple[bytes, bytes]] = field(default_factory=list)
    minus: Any = field(default_factory=hashlib.sha256)
    plus: Any = field(default_factory=hashlib.sha256)
    lines: bool = False
    patches: int = 0
    """Files whose patch has begun; they come in the order of `objects`."""
    hunks: list[Hunk] = field(default_factory=list)


class _Place:
    """One place that a commit changes, while its lines are read."""

    def __init__(self, commit: _Open, first: int, count: int, removed: int) -> None:
        self._file = commit.objects[commit.patches - 1][1] if 0 < commit.patches <= len(commit.objects) else b""
        self._first = first if count else first + 1  # where nothing is added, git names the line before
        self._last, self._removed = self._first + count - 1, removed
        self._said = False
        self._defines: list[str] = []

    def see(self, line: bytes) -> None:
        """One line that is added."""
        self._said = self._said or not _REMARK.match(line)
        if len(self._defines) < _DEFINES and (match := _HEAD.match(line[:_LINE_CHARS])):
            self._defines.append(match[1].decode("utf8", "replace"))

    def end(self, hunks: list[Hunk]) -> None:
        """Keep it."""
        if self._file and len(hunks) < _HUNKS:
            name = _unquoted(self._file)[:4_096].decode("utf8", "replace")
            hunks.append(
                Hunk(
                    file=name, first=self._first, last=self._last, removed=self._removed, code=self._said,
                    defines=tuple(self._defines),
                )
            )  # fmt: skip


class LogReader:
    """Reads one `git log`. `kept` counts the characters of lines and names; beyond `budget` they are left out."""

    def __init__(self, arrived: dict[str, datetime], shallow: frozenset[str], budget: int) -> None:
        self._arrived, self._shallow, self._budget = arrived, shallow, budget
        # a commit's message or content cannot contain what it could not foresee
        self._mark = secrets.token_hex(16).encode()
        self.kept = 0
        self.left_out = False

    def arguments(self) -> tuple[str, ...]:
        """How `git log` must be asked, but for the commits, and whether it walks."""
        fields = "%x00".join(("%H", "%P", "%an", "%at", "%ct", "%cI", "%s"))
        return (
            "log", f"--format={self._mark.decode()}{fields}", "--encoding=UTF-8", "--raw", "--patch",
            "--unified=0", "--diff-merges=first-parent", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color",
            "--no-notes", "--no-mailmap", "--no-show-signature", "--no-decorate", "--submodule=short", "--no-relative",
            "--no-abbrev", "--inter-hunk-context=0",
        )  # fmt: skip

    def commits(self, lines: Iterable[bytes]) -> Iterator[Commit]:
        """The commits in the order printed."""
        current: _Open | None = None
        minus = plus = 0
        place: _Place | None = None
        for line in lines:
            if minus > 0 or plus > 0:  # inside a hunk every line is content, whatever it looks like
                if line[:1] != b"+":
                    minus -= line[:1] in (b"-", b" ")
                if line[:1] != b"-":
                    plus -= line[:1] in (b"+", b" ")
                if current is not None and line[:1] in (b"+", b"-"):
                    current.lines = True
                    (current.plus if line[:1] == b"+" else current.minus).update(line[1:] + b"\n")
                    self._keep(current.added if line[:1] == b"+" else current.removed, _LINES, line[1:])
                    if place is not None and line[:1] == b"+":
                        place.see(line[1:])
                if current is not None and place is not None and not (minus > 0 or plus > 0):
                    place.end(current.hunks)
            elif line.startswith(self._mark):
                if current is not None:
                    yield self._closed(current)
                current = _Open(line[len(self._mark) :].split(b"\0", 6))
            elif match := _HUNK.match(line):
                minus, plus = (1 if count is None else int(count) for count in match.group(1, 3))
                place = None if current is None else _Place(current, int(match[2]), plus, minus)
            elif line.startswith(b"diff --git ") and current is not None:
                # a link that becomes a file has two patches and one entry
                ahead = current.objects[current.patches : current.patches + 1]
                current.patches += bool(ahead) and ahead[0][1].strip(b'"') in line
            elif line.startswith(b":") and current is not None:
                facts, _, name = line.partition(b"\t")
                current.objects.append((facts, name))
                self._keep(current.files, _FILES, _unquoted(name or line), 4_096)
        if current is not None:
            yield self._closed(current)

    def _keep(self, place: list[str], most: int, raw: bytes, chars: int = _LINE_CHARS) -> None:
        if len(place) >= most:
            self.left_out = self.left_out or most == _FILES
            return
        if self.kept >= self._budget:
            self.left_out = True
            return
        text = raw[: 4 * chars].decode("utf8", "replace")[:chars].rstrip("\r")
        self.kept += len(text) + 1
        place.append(text)

    def _closed(self, found: _Open) -> Commit:
        sha, parents, author, authored, committed, stamp, subject = (item.decode("utf8", "replace") for item in found.fields)
        # where a shallow history ends, git shows everything as added, which it was not
        cut_off = sha in self._shallow
        return Commit(
            sha=sha, author=author[:_NAME_CHARS], authored=_time(authored), committed=_time(committed),
            arrived=self._arrived.get(sha), stamp=stamp, subject=subject[:_SUBJECT_CHARS],
            files=() if cut_off else tuple(found.files), added=() if cut_off else tuple(found.added),
            removed=() if cut_off else tuple(found.removed),
            hunks=() if cut_off else tuple(found.hunks), merge=" " in parents, digest="" if cut_off else _digest(found),
        )  # fmt: skip


def _digest(found: _Open) -> str:
    """What was removed and what was added, wherever it stands; for files without lines (binary ones, modes) the objects."""
    for facts, name in found.objects:
        words = facts.split(b" ")
        whole = len(words) < 4 or found.lines
        found.minus.update(name + b"\0" + (b"" if whole else words[0].lstrip(b":") + words[2]))
        found.plus.update(name + b"\0" + (b"" if whole else words[1] + words[3]))
    return f"{found.minus.hexdigest()[:16]}-{found.plus.hexdigest()[:16]}" if found.objects else ""


def _time(text: str) -> datetime:
    try:
        return moment(int(text))
    except ValueError:  # a damaged date is shown as 1970; `stamp` keeps what the source said
        return moment(0)


def _unquoted(path: bytes) -> bytes:
    if not (path.startswith(b'"') and path.endswith(b'"')):
        return path
    return _ESCAPE.sub(lambda m: bytes([int(m[1], 8) & 255]) if len(m[1]) == 3 else _ESCAPED.get(m[1], m[1]), path[1:-1])

"""Stretches of lines of one source, put in order by the text of their stamps.

Stamps stand in the first columns of each line, behind the bracket of an access log, or behind the key of a JSON member.
Where all stamps of a stretch are of one form (see `forms`), nothing needs to be parsed but its ends. Whatever is doubtful
(another zone, no such hour, a clock that went back) is said to be so, and is read in full.
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

from mcp_server.logs.bisection import HEAD, At
from mcp_server.logs.forms import STAMP, Form, Kind, day_of

_BRACKET = re.compile(rb"[^\[\n:{]{1,400}\[")
_ACCESS = (
    rb"(?m)^(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3} [^\d\[\n:{]*+|(?:[^\[\n:{\d]++|\d{1,7}+(?!\d))*+)"
    rb"\[([^\n]{[length]})[^\n]*+\n?"
)
"""Lines of an access log: before the bracket stands nothing that could be a stamp. (An address is tried first: quicker.)"""
_KEY = re.compile(rb"\"[A-Za-z_@]{1,30}\" {0,2}: {0,2}\"?")
_TOKEN = re.compile(rb"\"[^\"\\\n]*\" {0,2}:|(?P<text>\"[^\"\\\n]*\")|[^\"]+|\"")
_JSON = rb"(?m)^(?>%b|\{[^\n]{0,400}?%b)([^\n]{[length]})[^\n]*+\n?"
"""Lines of JSON: the first member of that name, looked for behind the same members as in the line learned from."""
_LEAD = 8
_DIGITS = b"0123456789"
_TAIL = 8
"""Bytes behind a stamp without a zone in which one could stand."""
_HALF_DAY = re.compile(rb" ?[AaPp]\.?[Mm]")
_MOST_TAILS = 2_000
_CLOSING = b"])}>|;\"'"
_MOST_DAYS = 28
_QUARTER = 900_000_000_000
"""Zones are apart by such steps: a stamp that is off by anything else is not the one that counts in its line."""
_TRIES = 8


class Ordered(NamedTuple):
    """Lines by the text of their stamps: how those are written, and what to sort by."""

    form: Form
    keys: list[bytes]
    """The text of each; of a late one, which is earlier than one before it, the latest before it."""
    written: list[bytes]
    """The text of each as it is."""
    first: int
    """The moment of the first line, then the earliest and the latest of all."""
    earliest: int
    latest: int


class Columns:
    """Reads stretches of lines of one source by the text of their stamps; `at` reads a line in full."""

    def __init__(self, at: At) -> None:
        self._at = at
        self._left = _TRIES
        self._layout: Layout | None = None
        self._form: Form | None = None
        self._around: set[bytes] = set()
        """What was seen to stand around stamps, and cannot belong to them."""

    def keys(self, lines: list[bytes], text: bytes) -> Ordered | None:
        """The lines of a text by their keys; None where they must be read in full."""
        if self._left <= 0 or not (self._layout or self._learn(lines[0])):
            return None
        found = self._read(lines, text)
        if found is None and self._layout and self._layout.of_another_day(lines[0]) and self._learn(lines[0]):
            found = self._read(lines, text)
        self._left = _TRIES if found else self._left - 1
        return found

    def _learn(self, line: bytes) -> bool:
        """Find out where and how a line writes its stamp."""
        moment = self._at(line[:HEAD])
        for layout in layouts(line) if moment is not None else ():
            self._layout, self._form, texts = layout, None, layout.texts([line], line)
            if texts and self._form_of(texts[0], moment):
                self._around = set()
                return True
        self._layout, self._left = None, self._left - 1
        return False

    def _read(self, lines: list[bytes], text: bytes) -> Ordered | None:
        layout = self._layout
        keys = layout.texts(lines, text) if layout else None
        ordered = sorted(keys) if keys else []
        if layout is None or keys is None or not layout.fits(ordered):
            return None
        late = keys != ordered
        low, high = (keys.index(ordered[0]), keys.index(ordered[-1])) if late else (0, -1)
        earliest, latest = self._at(lines[low][:HEAD]), self._at(lines[high][:HEAD])
        form = self._form_of(ordered[0], earliest)
        if earliest is None or latest is None or form is None or form.moment(ordered[-1]) != latest:
            return None
        if not self._alone(lines, keys, form):
            return None
        return Ordered(form, list(accumulate(keys, max)) if late else keys, keys, form.moment(keys[0]), earliest, latest)

    def _form_of(self, key: bytes, moment: int | None) -> Form | None:
        """The form by which this text means that moment; None where no zone makes it so."""
        if moment is None or self._layout is None:
            return None
        if self._form is None or self._form.moment(key) != moment:
            shift = moment - self._layout.form(0).moment(key)
            self._form = None if shift % _QUARTER else self._layout.form(shift)
        return self._form

    def _alone(self, lines: list[bytes], keys: list[bytes], form: Form) -> bool:
        """Whether nothing around the stamps belongs to them: each such text is read in full once."""
        layout = self._layout
        if layout is None or (layout.closed and not layout.start):
            return True
        around = layout.around(lines)
        new = set(around) - self._around
        if len(new) + len(self._around) > _MOST_TAILS:
            self._left = 0
        if not new or not self._left:
            return not new
        for text, line, key in dict(zip(around, zip(around, lines, keys, strict=True), strict=True)).values():
            if text in new and (not layout.harmless(text) or self._at(line[:HEAD]) != form.moment(key)):
                return False
        self._around |= new
        return True


class Layout:
    """Where the stamps of lines stand and how they are written, as one line shows it."""

    def __init__(self, line: bytes, found: re.Match[bytes], start: int, behind: bytes | None) -> None:
        """`start`: the column in which the text begins; `behind`: the expression that finds it, with a place for its length."""
        self.start = start
        text, follows = line[start if behind is None else found.start() : found.end()], line[found.end() : found.end() + 1]
        self.closed = bool(found["zone"] or found["epoch"]) or follows in _CLOSING
        """Nothing behind it can belong to it."""
        text += follows if self.closed else b""  # it ends every stamp alike
        self.kind: Kind = "epoch" if found["epoch"] else "day" if found["day"] else "date"
        names = {"epoch": ("epoch", "fine"), "day": ("clock", "part"), "date": ("date", "clock", "part")}[self.kind]
        shift = found.end() - len(text) + len(follows if self.closed else b"")
        digits = {place - shift for name in names for place in range(*found.span(name))}
        letters = [text[place : place + 1] for place in range(len(text))]
        self._allowed = [_DIGITS if place in digits and one.isdigit() else one for place, one in enumerate(letters)]
        self.mask = b"".join(b"0" if allowed == _DIGITS else allowed for allowed in self._allowed)
        self._clock = found.start("epoch" if self.kind == "epoch" else "clock") - shift
        for place, most in ((0, b"012"), (3, b"012345"), (6, b"012345")) if self.kind != "epoch" else ():
            self._allowed[self._clock + place] = most
        self._cut = itemgetter(slice(start, start + len(text)))
        self._find = None if behind is None else re.compile(behind.replace(b"[length]", b"%d" % len(text)))
        self._tail = slice(start + len(text), start + len(text) + (0 if self.closed else _TAIL))

    def form(self, shift: int) -> Form:
        """The form of such stamps in a zone."""
        return Form(self.mask, shift, self.kind, self._clock)

    def texts(self, lines: list[bytes], text: bytes) -> list[bytes] | None:
        """The stamp of each line of a text; None where lines have none in this place."""
        if self._find is None:
            return list(map(self._cut, lines))
        found: list[bytes] = self._find.findall(text)
        return found if len(found) == len(lines) else None

    @property
    def seconds(self) -> tuple[int, int]:
        """Where in a stamp its seconds begin and end; the last two digits of those of an epoch."""
        begin = self._clock + (8 if self.kind == "epoch" else 5)
        return begin, begin + (2 if self.kind == "epoch" else 3)

    def each(self, lines: list[bytes]) -> list[bytes]:
        """The stamp of each line, empty where it has none in this place."""
        if self._find is None:
            return list(map(self._cut, lines))
        return [found[1] if (found := match(line)) else b"" for match in (self._find.match,) for line in lines]

    def fits(self, keys: list[bytes]) -> bool:
        """Whether all keys, which are in order here, are written so and are times."""
        text, width, same = b"".join(keys), len(self.mask), 0
        if len(text) != width * len(keys):
            return False
        while same < width and keys[0][same] == keys[-1][same]:
            same += 1  # so many bytes are the same in all that stand between
        if any(letter not in allowed for letter, allowed in zip(keys[0], self._allowed, strict=True)):
            return False
        if any(text[place::width].translate(None, self._allowed[place]) for place in range(same, width)):
            return False
        return self.kind == "epoch" or same >= self._clock or self._days(keys)

    def _days(self, keys: list[bytes]) -> bool:
        """Whether all days and hours exist, and the days lie so near that no clock was changed twice between them."""
        texts = set(map(itemgetter(slice(0, self._clock)), keys))
        hours = set(map(itemgetter(slice(self._clock, self._clock + 2)), keys))
        days = sorted(day for day in map(day_of, texts) if day)
        return len(days) == len(texts) and (days[-1] - days[0]).days < _MOST_DAYS and max(hours) <= b"23"

    def of_another_day(self, line: bytes) -> bool:
        """Whether a line is only not written so because its day is one of words, and another one."""
        texts = self.texts([line], line) if self.kind == "day" else None
        return texts is not None and texts[0][: self._clock] != self.mask[: self._clock]

    def around(self, lines: list[bytes]) -> list[bytes]:
        """What stands before and behind the stamp of each line, as far as it could belong to it."""
        if not self.start:
            return list(map(itemgetter(self._tail), lines))
        heads, tails = map(itemgetter(slice(0, self.start)), lines), map(itemgetter(self._tail), lines)
        return [head + tail for head, tail in zip(heads, tails, strict=True)]

    def harmless(self, around: bytes) -> bool:
        """Whether what stands behind a stamp is no part of it by its looks."""
        tail = around[self.start :]
        part = b"/" in tail or tail[:1] in (b".", b",", b":") or tail[:1].isdigit() or _HALF_DAY.match(tail)
        return not part


def layouts(line: bytes) -> Iterator[Layout]:
    """Where a line may write its stamp, and how."""
    for place in range(_LEAD + 1):
        if line[:place].translate(None, _DIGITS) != line[:place]:
            break
        if found := STAMP.match(line, place):
            yield Layout(line, found, place if found["day"] and len(found["day"]) == 4 else 0, None)
            break
    if line[:1] == b"{":
        for key in _KEY.finditer(line, 1, 400):
            if (found := STAMP.match(line, key.end())) and line.find(key[0]) == key.start():
                yield from _closed(Layout(line, found, 0, _JSON % (_members(line[: key.end()]), re.escape(key[0]))))
    elif (bracket := _BRACKET.match(line)) and (found := STAMP.match(line, bracket.end())):
        yield from _closed(Layout(line, found, 0, _ACCESS))


def _members(begin: bytes) -> bytes:
    """An expression for what begins so, whatever the texts in it are."""
    return b"".join(rb"\"[^\"\\\n]*+\"" if token["text"] else re.escape(token[0]) for token in _TOKEN.finditer(begin))


def _closed(layout: Layout) -> Iterator[Layout]:
    """What stands behind stamps in no column is not looked at: they must end by themselves."""
    if layout.closed:
        yield layout

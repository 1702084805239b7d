"""Which literal words must stand in a text before a regular expression can match it, and finding them all in one pass.

Regular expressions of patterns are of a subset that backtracking engines and linear ones read alike, and that no text
can make slow: no lookaround, no backreference, every repetition bounded, none repeated inside another.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

SHORTEST = 4
"""Shorter literals stand in every other line."""
_LONGEST = 12
_REPEAT_LIMIT, _WORK_LIMIT, _WIDE = 500, 250_000, 16
_PLAIN = r"[\w ,:;=<>\"'/@#%&!~`-]"
_PIECE = re.compile(
    _PLAIN + r"+(?![*+?{])|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:P<\w+>|i?:)|\(\?.?.?|[()|]|[*+?]|\{\d*(?:,\d*)?\}|.",
    re.S | re.ASCII,
)
_REPEAT = re.compile(r"\{(\d+)(?:,(\d+))?\}")
_COMMON = " etaoinrslcdu0123456789:/.-=,\"'_[]()mpghfbyvwTINFOERDSAC"
"""Characters of ordinary log lines, the most frequent first; all others are rarer."""
_WEIGHT = {sign: 0.92**place for place, sign in enumerate(_COMMON)}
"""About how frequent they are, relative to a blank."""

Literals = tuple[str, ...]


def required(pattern: str) -> Literals:
    """Literals of which every match holds at least one; empty where none is certain. Raises ValueError with a reason
    when the pattern is outside the subset."""
    walk = _Walk(pattern)
    found = walk.either()
    if walk.at < len(walk.pieces):
        raise ValueError("a `)` closes nothing")
    return found


class _Walk:
    """One pass over the pieces of a pattern."""

    def __init__(self, pattern: str) -> None:
        self.pieces: list[str] = _PIECE.findall(pattern)
        self.at = self.repeats = 0
        self.work = 1

    def either(self) -> Literals:
        before = most = self.work
        choices = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            most, self.work = max(most, self.work), before
            choices.append(self._sequence())
        self.work = max(most, self.work)
        return tuple(dict.fromkeys(word for choice in choices for word in choice)) if all(choices) else ()

    def _peek(self) -> str:
        return self.pieces[self.at] if self.at < len(self.pieces) else ""

    def _sequence(self) -> Literals:
        best: Literals = ()
        run = ""
        while (piece := self._peek()) not in ("", "|", ")"):
            self.at += 1
            repeats = self.repeats
            inner = self._group(piece) if piece[0] == "(" else ()
            sign = _literal(piece)
            least, most = self._repetition(piece)
            if most > 1 and self.repeats - repeats > 1:
                raise ValueError(f"a repetition inside a repetition at `{piece}`")
            if sign and least:
                run += sign
            if not (sign and least == most == 1):
                best, run = max(best, inner if least else (), (run,) if run else (), key=_worth), ""
        return max(best, (run,) if run else (), key=_worth)

    def _group(self, piece: str) -> Literals:
        if piece != "(" and not piece.endswith((":", ">")):
            raise ValueError(f"`{piece}` (lookaround, flags and the like) is not allowed")
        inner = self.either()
        if self._peek() != ")":
            raise ValueError("a `(` is not closed")
        self.at += 1
        return () if "i" in piece[:3] else inner

    def _repetition(self, repeated: str) -> tuple[int, int]:
        piece = self._peek()
        if piece not in ("*", "+", "?") and not (piece[:1] == "{" and piece[1:2].isdigit()):
            return 1, 1
        self.at += 1
        match = _REPEAT.fullmatch(piece)
        if piece != "?" and not match:
            raise ValueError(f"`{piece}` is not bounded: say how many, such as {{0,200}}")
        least, most = (int(match[1]), int(match[2] or match[1])) if match else (0, 1)
        if most > _REPEAT_LIMIT:
            raise ValueError(f"`{piece}` repeats more than {_REPEAT_LIMIT} times")
        self.repeats += most > 1
        if most >= _WIDE and self._ambiguous(repeated):
            self.work *= max(1, most - least)
        if self.work > _WORK_LIMIT:
            raise ValueError("its repetitions together allow too many ways to match: make them narrower")
        if self._peek() in ("*", "+", "?"):
            raise ValueError("a repetition is repeated, lazy or possessive")
        return least, most

    def _ambiguous(self, repeated: str) -> bool:
        """Whether the repetition can end in more than one place: what follows could also be a part of it."""
        rest = (piece for piece in self.pieces[self.at :] if piece != ")")
        sign = _literal(next(rest, "\n"))
        return not sign or repeated[0] == "(" or re.fullmatch(repeated, sign[0]) is not None


def _literal(piece: str) -> str:
    """The text a piece stands for, empty where it stands for more than one."""
    if piece[0] == "\\":
        if piece[1].isalnum() and piece[1] not in "dDwWsSbnt":
            raise ValueError(f"`{piece}` is not allowed")
        return "" if piece[1].isalnum() else piece[1]
    return piece if piece[0] not in ".^$()[{" else ""


def _worth(words: Literals) -> int:
    return min(map(len, words), default=0)


class Finder:
    """Which of many literals stand in a text: one expression made of all, branching like a tree.

    Of each literal only a window is looked for. All windows begin with one of a few rare characters, so an ordinary line
    is passed by with few attempts; where a window is found, its literals are looked for whole. Windows may overlap.
    """

    def __init__(self, owners: Mapping[str, Iterable[int]]) -> None:
        starts = _starts(owners)
        windows: dict[str, list[tuple[str, frozenset[int]]]] = {}
        for literal, indexes in owners.items():
            windows.setdefault(_window(literal, starts), []).append((literal, frozenset(indexes)))
        self._within = {
            window: tuple(pair for end in range(1, len(window) + 1) for pair in windows.get(window[:end], ()))
            for window in windows
        }
        self._search = re.compile(_tree(sorted(windows)) or r"(?!)").search

    def find(self, text: str) -> set[int]:
        """The owners of all literals that stand in `text`."""
        found: set[int] = set()
        match = self._search(text)
        while match:
            for literal, indexes in self._within[match[0]]:
                if literal in text:
                    found |= indexes
            match = self._search(text, match.start() + 1)
        return found


def _starts(literals: Iterable[str]) -> str:
    """Few and rare characters, one of which stands in each literal with room for a window behind it."""
    rest = {literal: set(literal[: max(1, len(literal) - SHORTEST + 1)]) for literal in literals}
    chosen = ""
    while rest:
        counts = Counter(sign for signs in rest.values() for sign in signs)
        best = max(counts, key=lambda sign: (counts[sign] / _WEIGHT.get(sign, 0.005), sign))
        chosen += best
        rest = {literal: signs for literal, signs in rest.items() if best not in signs}
    return chosen


def _window(literal: str, starts: str) -> str:
    room = max(1, len(literal) - SHORTEST + 1)
    start = next(place for place in range(room) if literal[place] in starts)
    return literal[start : start + _LONGEST]


def _tree(words: list[str]) -> str:
    """An expression matching the longest of `words` (sorted, each once)."""
    ends = bool(words) and words[0] == ""
    branches = list(_branches(words[ends:]))
    if not branches:
        return ""
    text = branches[0] if len(branches) == 1 and not ends else f"(?:{'|'.join(branches)})"
    return text + "?" * ends


def _branches(words: list[str]) -> Iterator[str]:
    start = 0
    for at in range(1, len(words) + 1):
        if at == len(words) or words[at][0] != words[start][0]:
            group = words[start:at]
            size = 1
            while len(group[0]) > size and group[-1][: size + 1] == group[0][: size + 1]:
                size += 1
            yield re.escape(group[0][:size]) + _tree([word[size:] for word in group])
            start = at

"""A log line → its shape: what stays when everything that differs from time to time is masked with `*`.

Lines are hostile: every pattern takes time linear in the length of its word or line.

Three steps, each remembered, so that each costs only what is new: a line becomes its *key* (every run of digits one
`0`; whole chunks at once, in C), a key's words are masked one by one, and a masked line loses its header (stamp, host,
process, level, thread, logger) and its repetitions. A shape is a function of its line alone, whatever came before it.
"""

import re
from collections.abc import Iterable, Sequence

MAX_SHAPED = 2_000
"""Characters of a line that shape it."""
_REMEMBERED = 100_000

# digits are one digit; a stamp's sign must not come from the line
_DIGITS = bytes.maketrans(b"123456789\x01", b"000000000?")
_STAMP = "\x01"

_LEVEL = (
    r"(?:TRACE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRIT|CRITICAL|SEVERE|ALERT|EMERG|PANIC"
    r"|FINE|FINER|FINEST)"
)
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t|tember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
_POINTS = "[\\[\\](){}<>\"'.,;:|=-]*"
_NAME = r"[\w$.()/@*-]*"

# one word of a key, in this order; `0` stands for any number
_STAMPS = (
    r"(?<![\w./-])(?:0([-/.])0\1 ?0(?:[T_:-]0[:.]0(?:[:.]0)?(?:[.,:]0)*)?(?:Z|[+-]0(?::0)?)?|0-0:0:0[.:,]0"
    r"|0:0:0(?:[.,:]0)*(?:Z|[+-]0(?::0)?)?|0/[A-Z][a-z][a-z]/0(?::0:0:0)?)(?![\w/-]|\.\w|:[0a-fA-F]{1,2}:[0a-fA-F]{1,2}\b)"
)
_WORDS = (
    r"(?<==)(?=[^\s=,;&)\]\"']*0)[^\s=,;&)\]\"']+",  # key=value: a value with a number in it varies as a whole
    r"(?<![\w+.-])[A-Za-z][\w+.-]*://[^\s\"'<>)\],;]+",  # URL
    r"\b[A-Za-z]:\\[^\s\"'<>|,;]+",  # path on Windows
    r"(?<![\w.*<-])(?:/[\w.@+%~$&=:#-]+)+/?|(?<![\w./@+%~-])[\w.@+%~-]+(?:/[\w.@+%~$&=:#-]+){2,}/?",  # path
    # addresses of network cards, IPv6
    r"(?<![\w:.-])(?:(?:[0a-fA-F]{1,4}:){5,7}[0a-fA-F]{1,4}|(?=[a-fA-F:]*0)(?:(?:[0a-fA-F]{1,4}:){1,6}|:)"
    r":(?:[0a-fA-F]{1,4}(?::[0a-fA-F]{1,4}){0,5})?)(?![\w:-])",
    r"(?<=[{@])(?=[a-fA-F]*0)[0a-fA-F]+\b",  # an object
    r"\b0?x[0-9A-Fa-f]+\b|\b[0-9a-fA-F]+(?:-[0-9a-fA-F]+){4}\b",  # 0x…, UUID
    r"\b(?=[a-fA-F]*0[a-fA-F]+0|0[a-fA-F]{4,}\b)[0a-fA-F]+\b",  # hexadecimal without a sign
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # address
    # host: a port behind it, three labels in lower case (a class ends in a capital), or a number in it
    r"(?<![\w.-])(?:[\w-]+\.)+[a-z]{2,8}:0\b|(?<![\w.-])(?:[a-z0-9_-]+\.){2,}[a-z][a-z0-9-]*(?![\w.])"
    r"|(?<![\w.-])(?=[\w.-]*0)[\w-]+(?:\.[\w-]+)*\.[a-z]{2,10}(?![\w.])",
)
# the commonest word that never comes again: an identifier in hexadecimal, alone or quoted
_ID = r"([\[({<\"']*)(?=[a-fA-F]*0[a-fA-F]+0)[0a-fA-F]+(?:-[0a-fA-F]+)*([\])}>\"'.,;:]*)"
_IDENTIFIER = r"[\w-]+"
_NUMBER = r"(?<![^\W_])-?0(?:[.:,/x-]+0)*\+?|0"
_RUN = r"\*(?:[.:,_/#|~+-]*\*)+"

# a masked line
_DATE = (
    rf"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:{_MONTH} [*\x01],?|(?<!\S)[*\x01] {_MONTH})"
    r"(?: \x01)?(?: [A-Z]{3,4})?(?: \*)?(?![\w.*])"
)
_ZONE = r"(?:(?:UTC|GMT|[CEMPW]E?[SD]?T|\+\*|\*(?=[\])]))[\])>\"',:;|]*\s+)?"
_TIMED = (
    rf"(?:<\*>\*?\s*)?(?:-\s|[A-Z][A-Z_]+\s(?=\*))?(?:[^\s*]*\*\S*\s+){{0,2}}(?:{_POINTS}[*]?\x01{_POINTS}(?:\s+|$){_ZONE})+"
    rf"|\x01[|]\s*|(?:\*\s+){{1,4}}(?={_LEVEL}\b)"
)
_HOST = r"(?![DIWEFV] )[\w.*/@-]+ (?=(?:[\w.()/@*-]+(?:\[\*\])?(?: \([^()]*\))?:|last message repeated) )"
_BEFORE_LEVEL = rf"(?:[^\s\x01\[]\S*\s){{1,3}}?(?={_LEVEL}[\s:])"
_LEVEL_PART = rf"[\[(<]?(?:(?i:{_LEVEL}))(?:[\])>][:|,]?|[:|,])?(?=[\s\[])\s*"
_NUMBERS = rf"[*|,;:-]+(?:\s+|$)|[^\s*]*\*\S*\s+(?=\x01)|{_POINTS}\x01{_POINTS}(?:\s+|$){_ZONE}"
_BRACKETS = r"(?:(?:[\w$]+(?:\.[\w$]+)+|\*)\s+)?\[(?:[^\[\]]|\[[^\[\]]*\])*\](?=[\s:\[-]):?\s*(?:-\s+)?"
_RULES = r"(?:\*\s+)?-{2,}\s+|[-|:]+\s+"
_LOGGER = (
    rf"(?:(?=[\w$*]+[.\[(/@$*_-])[\w$*]{_NAME}|[a-z]+|(?=\w*[a-z][A-Z])\w+)(?:\[\*?\])?(?: \([^()]*\))? ?:\s+(?=\S)"
    r"|[\w$.]+\|\s*|\S{1,80}\]\s+"
)
_LETTER = r"[DIWEFV](?:/|\s+)[^\s:]+(?:\(\s*\*\))?:\s+"  # a level of one letter and a tag
_DASHED = r"[\w$.:*/-]+(?: \*)? -\s+"
_UNIT = (
    r"\* ?(?:milliseconds?|ms|us|ns|s|secs?|seconds?|min(?:ute)?s?|h(?:ou)?rs?|[KMGT]i?B|[kKMGT]b(?:ytes)?|bytes?|B|%)(?![\w/])"
)
_NEIGHBOURS = r"\*(?:[.:,_/\-]*(?: ?\(\*\)|[ ,]\*|<\*))+|<\*|\*>"
_LIST = r"\*(?:,? +\*)+"


def keys(lines: Sequence[str]) -> list[str]:
    """One key per line, in order. Never raises; a line counts up to MAX_SHAPED characters."""
    text = "\n".join(lines)
    if len(text) > MAX_SHAPED and max(map(len, lines)) > MAX_SHAPED:
        lines = [line[:MAX_SHAPED] for line in lines]
        text = "\n".join(lines)
    if text.count("\n") != len(lines) - 1:
        text = "\n".join([line.replace("\n", " ") for line in lines])
    data = text.encode("utf-8", "surrogatepass").translate(_DIGITS).replace(b"00000000", b"0").replace(b"0000", b"0")
    while b"00" in data:
        data = data.replace(b"00", b"0")
    return data.decode("utf-8", "surrogatepass").split("\n") if lines else []


class Masker:
    """Keys → shapes. Patterns are compiled when the first is made; what is remembered is bounded."""

    def __init__(self) -> None:
        self._stamps = re.compile(_STAMPS)
        self._masks = tuple(re.compile(pattern) for pattern in _WORDS)
        self._id, self._number = re.compile(_ID), re.compile(_NUMBER)
        self._run, self._date, self._unit = re.compile(_RUN), re.compile(_DATE), re.compile(_UNIT)
        self._neighbours, self._list, self._identifier = re.compile(_NEIGHBOURS), re.compile(_LIST), re.compile(_IDENTIFIER)
        self._timed, self._level = re.compile(_TIMED), re.compile(_LEVEL_PART)
        self._opening = tuple(re.compile(pattern) for pattern in (_BEFORE_LEVEL, _HOST))
        self._parts = (
            ("level", self._level), ("letter", re.compile(_LETTER)), ("dashed", re.compile(_DASHED)),
            ("numbers", re.compile(_NUMBERS)), ("brackets", re.compile(_BRACKETS)), ("rules", re.compile(_RULES)),
            ("logger", re.compile(_LOGGER)),
        )  # fmt: skip
        self._words: dict[str, str] = {}
        self._shapes: dict[str, str] = {}

    def shapes(self, keys: Iterable[str]) -> dict[str, str]:
        """The shape of every key."""
        words, shapes, result = self._words, self._shapes, {}
        for key in keys:
            try:
                masked = " ".join([words[word] for word in key.split()])
            except KeyError:
                masked = " ".join([words.get(word) or self._learn(word) for word in key.split()])
            shape = shapes.get(masked)
            if shape is None:
                if len(shapes) >= _REMEMBERED:
                    shapes.clear()
                shape = shapes[masked] = self._finish(masked)
            result[key] = shape
        return result

    def _learn(self, word: str) -> str:
        masked = word
        if match := self._id.fullmatch(word):
            masked = f"{match[1]}*{match[2]}"
        elif not word.isalpha():
            masked = self._stamps.sub(_STAMP, masked)
            for pattern in self._masks:
                masked = pattern.sub("*", masked)
            if masked.count("0") > 1:
                masked = self._identifier.sub(_identifier, masked)
            masked = self._number.sub("*", masked)
            masked = self._run.sub("*", masked)
        if len(self._words) >= _REMEMBERED:
            self._words.clear()
        self._words[word] = masked
        return masked

    def _finish(self, masked: str) -> str:
        text = masked if masked[:1] == "{" else self._date.sub(_STAMP, masked)
        text = text[self._header(text) :].replace(_STAMP, "*")
        text = self._unit.sub("*", text).replace("()", "(*)").replace("* (*)", "*")
        text = self._run.sub("*", self._list.sub("*", self._neighbours.sub("*", text)))
        words = text.replace("|", " ").split()
        kept = [word for word, before in zip(words, ["", *words], strict=False) if "*" not in word or not _again(word, before)]
        return " ".join(kept) or (masked[:1] and "*")

    def _header(self, text: str) -> int:
        """Where the message begins. Only a stamp (or numbers before a level) opens a header; alone, a level is cut."""
        opened = self._timed.match(text)
        if opened is None:
            alone = self._level.match(text)
            return alone.end() if alone and alone.end() < len(text) and not alone[0].rstrip().isalpha() else 0
        at, said, fresh = opened.end(), set[str](), True
        for _ in range(12):
            for pattern in self._opening if fresh else ():  # what stands behind a stamp
                if (match := pattern.match(text, at)) and match.end() < len(text):
                    at = match.end()
            name, end = self._part(text, at, said)
            if end == at:
                break
            at, fresh = end, name == "numbers"
            if name not in ("numbers", "rules"):
                said.add(name)
            if name in ("logger", "letter"):  # nothing but a level follows it
                match = None if "level" in said else self._level.match(text, at)
                return match.end() if match and match.end() < len(text) else at
        return at

    def _part(self, text: str, at: int, said: set[str]) -> tuple[str, int]:
        """The next part of the header and where it ends; `at` when there is none."""
        for name, pattern in self._parts:
            # numbers belong to the header until something was named; a level and a name come once
            if (name == "numbers" and said & {"level", "brackets", "dashed"}) or (name in said and name != "brackets"):
                continue
            if (match := pattern.match(text, at)) and at < match.end() < len(text):
                return name, match.end()
        return "", at


def _identifier(match: re.Match[str]) -> str:
    """`*` for a name with two numbers in it, such as `job_1_attempt_7`."""
    name = match[0]
    between = name[name.find("0") : name.rfind("0")]
    return name if not between or between.strip("0-") == "" else "*"


def _again(word: str, before: str) -> bool:
    """A list of variable length is one of its items."""
    return word.rstrip(",") == before.rstrip(",")

"""Which command lines are reads: an allow-list that fails closed.

A program is known by its sub-commands, flags and operands (`read_rules/`); whatever is not listed is refused. Flags must
be written out: GNU tools take abbreviations, so an unlisted one is an unknown flag. A value written as a word of its own
must not begin with `-`, because then we and the program might disagree about what it is.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from mcp_server.core.text import amount, one_line

MOST_ARGUMENTS, MOST_CHARACTERS = 256, 16_384
BIN_FOLDERS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/")

KINDS: Mapping[str, re.Pattern[str]] = {
    "int": re.compile(r"\d{1,12}"),
    "number": re.compile(r"\d{1,12}(\.\d{1,6})?(ms|[smhdwKMGTPE]?i?B?)"),
    "word": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@%+,=~-]*"),
    "name": re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.:@%+,=~/-]*"),
    "address": re.compile(r"[A-Za-z0-9_.:\[\]][A-Za-z0-9_.:%/\[\]-]*"),
    "glob": re.compile(r"[A-Za-z0-9_.*?\[\]@%+:][A-Za-z0-9_.*?\[\]@%+,:=~/\\-]*"),
    "path": re.compile(r"[^-;&|<>`$*?!\"'\\][^;&|<>`$*?!\"'\\]*"),
    "absolute": re.compile(r"/[^;&|<>`$*?!\"'\\]*"),
    "text": re.compile(r".*"),
}
"""What a value or operand may look like; a rule may also give a pattern of its own as `=/…/` without blanks."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u205f-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]")
_SHELL = re.compile(r"[|;&<>]+|\d*[<>].*|&>.*|.*(`|\$\(|\$\{).*|.*[;|&]")
_DASH = "-\u00ad\u058a\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"


@dataclass(frozen=True)
class Flag:
    """One flag: `kind` None takes no value; an `attached` value is only read after `=` (or directly after a letter)."""

    kind: str | None = None
    attached: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Parsed:
    """A command line as its rule understands it."""

    words: tuple[str, ...]
    flags: Sequence[tuple[str, str | None]]
    operands: Sequence[str]

    def value(self, *names: str) -> str | None:
        """The last value given to any of these flags."""
        return next((value for name, value in reversed(self.flags) if name in names), None)

    def has(self, *names: str) -> bool:
        """Whether any of these flags was given."""
        return any(name in names for name, _ in self.flags)


@dataclass(frozen=True)
class Rule:
    """What of a program, or of one of its sub-commands, is a read.

    `flags`: `-a --all` take nothing, `-n=int` a value of that kind, `--color=?word` one that only follows `=`,
    `--watch=!false` must have exactly this one. `operands`: a kind, or None for none. `needs`: of each group, one flag.
    """

    flags: str = ""
    operands: str | None = None
    most: int = 64
    least: int = 0
    style: Literal["gnu", "go", "words"] = "gnu"
    subs: Mapping[str, "Rule"] = field(default_factory=dict)
    bare: bool = False
    """May be called without a sub-command."""
    inherit: bool = True
    """Flags listed here may also follow the sub-command."""
    needs: Sequence[str] = ()
    never: Mapping[str, str] = field(default_factory=dict)
    """Words that are refused with a sentence of their own."""
    check: Callable[[Parsed], str | None] | None = None
    content: Callable[[Parsed], Sequence[tuple[str, bool]]] | None = None
    """Files whose content would be printed, and whether everything below them."""


def same(words: str, rule: Rule) -> dict[str, Rule]:
    """Several sub-commands with the same rule."""
    return dict.fromkeys(words.split(), rule)


def refusing(reason: str, words: str) -> dict[str, str]:
    """Several words refused for the same reason."""
    return dict.fromkeys(words.split(), reason)


def is_read(argv: Sequence[str]) -> bool:
    """Whether this command line is known as a read."""
    return why_not(argv) is None


def why_not(argv: Sequence[str]) -> str | None:
    """None for a known read; else one sentence saying why it is refused."""
    return _judge(argv)[0]


def content_paths(argv: Sequence[str]) -> Sequence[tuple[str, bool]]:
    """Files whose content a known read would print, each with whether everything below it is meant as well."""
    sentence, rule, parsed = _judge(argv)
    return () if sentence or not rule or not parsed or not rule.content else rule.content(parsed)


def _judge(argv: Sequence[str]) -> tuple[str | None, Rule | None, Parsed | None]:
    if sentence := _form(argv):
        return sentence, None, None
    program = argv[0]
    if "/" in program:
        folder, _, program = program.rpartition("/")
        if folder + "/" not in BIN_FOLDERS:
            return f"{one_line(argv[0], 80)} lies in no standard program folder", None, None
    rule = _rules().get(program)
    if rule is None:
        from mcp_server.targets.read_rules import REFUSED

        why = REFUSED.get(program, "it is not in the table of known reads")
        return f"{one_line(program, 80)}: {why}", None, None
    parsed = _parse(argv, rule)
    if isinstance(parsed, str):
        return f"{program}: {parsed}", None, None
    for word in parsed.words:
        rule = rule.subs[word]
    sentence = _whole(rule, parsed)
    return (f"{' '.join((program, *parsed.words))}: {sentence}" if sentence else None), rule, parsed


def _form(argv: Sequence[str]) -> str | None:
    """What no argument of any read looks like."""
    if isinstance(argv, str) or not argv or not all(isinstance(item, str) for item in argv):
        return "a command is a list of words"
    if len(argv) > MOST_ARGUMENTS or sum(map(len, argv)) > MOST_CHARACTERS:
        return f"longer than {MOST_ARGUMENTS} words or {amount(MOST_CHARACTERS, 'character')}"
    for item in argv:
        if _CONTROL.search(item):
            return f"`{one_line(item, 60)}` holds a control or invisible character"
        if _SHELL.fullmatch(item):
            return f"`{one_line(item, 60)}` is shell syntax, and there is no shell"
        if item[:1] in _DASH and not item.startswith("-") and item:
            return f"`{one_line(item, 60)}` begins with a sign that only looks like a dash"
    return None


@cache
def _rules() -> Mapping[str, Rule]:
    from mcp_server.targets.read_rules import load

    return load()


@cache
def _flags(spec: str) -> Mapping[str, Flag]:
    flags = {}
    for item in spec.split():
        name, has, kind = item.partition("=")
        if not has:
            flags[name] = Flag()
        elif kind.startswith("?"):
            flags[name] = Flag(kind[1:], attached=True, optional=True)
        elif kind.startswith("!"):
            flags[name] = Flag(f"/{kind[1:]}/", attached=True)
        else:
            flags[name] = Flag(kind)
    return flags


@cache
def _pattern(kind: str) -> re.Pattern[str]:
    return re.compile(kind[1:-1]) if kind.startswith("/") else KINDS[kind]


def _fits(kind: str, text: str) -> bool:
    return _pattern(kind).fullmatch(text) is not None


@dataclass
class _Reading:
    """Walks over the words of one command line."""

    argv: Sequence[str]
    rule: Rule
    at: int = 1
    words: list[str] = field(default_factory=list)
    flags: list[tuple[str, str | None]] = field(default_factory=list)
    operands: list[str] = field(default_factory=list)
    known: dict[str, Flag] = field(default_factory=dict)
    never: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, flag: Flag, attached: str | None) -> str | None:
        """Note a flag with its value; a sentence when the value is missing or of another kind."""
        if flag.kind is None:
            if attached is not None and not (self.rule.style == "go" and attached in ("true", "false")):
                return f"{name} takes no value"
            if attached != "false":
                self.flags.append((name, attached))
            return None
        if attached is None and not flag.attached:
            self.at += 1
            attached = self.argv[self.at] if self.at < len(self.argv) else None
            if attached is not None and attached.startswith("-"):
                return f"the value of {name} begins with `-`; write it as {name}=VALUE" if name[:2] == "--" else (
                    f"the value of {name} begins with `-`"
                )  # fmt: skip
        if attached is None and not flag.optional:
            return self.never.get(name) or f"{name} needs a value"
        if attached is not None and not _fits(flag.kind, attached):
            return f"the value `{one_line(attached, 60)}` of {name} is not known as harmless"
        self.flags.append((name, attached))
        return None

    def cluster(self, word: str) -> str | None:
        """Short flags in one word, such as `-tlnp` or `-n20`."""
        for index, letter in enumerate(word[1:], 1):
            name = "-" + letter
            flag = self.known.get(name)
            if flag is None:
                return self.unknown(name if len(word) == 2 else f"{name} (in {one_line(word, 60)})")
            if flag.kind is not None:
                rest = word[index + 1 :]
                if self.rule.style == "go":
                    rest = rest.removeprefix("=")
                return self.take(name, flag, rest or None)
            if self.rule.style == "go" and word[index + 1 : index + 2] == "=":
                return self.take(name, flag, word[index + 2 :])
            self.take(name, flag, None)
        return None

    def unknown(self, word: str) -> str:
        """The sentence for a flag or sub-command that is not listed."""
        return self.never.get(word.partition(" ")[0], f"`{one_line(word, 60)}` is not known as a read")


def _parse(argv: Sequence[str], rule: Rule) -> Parsed | str:
    reading = _Reading(argv, rule, known=dict(_flags(rule.flags)), never=dict(rule.never))
    only_operands = False
    while reading.at < len(argv):
        word, rule = argv[reading.at], reading.rule
        sentence: str | None = None
        if only_operands:
            sentence = _operand(reading, word)
        elif word == "--":
            only_operands = True
            if rule.subs or rule.style == "words" or rule.operands is None:
                sentence = "`--` has no place here"
        elif word.startswith("--") or (rule.style == "words" and word.startswith("-")):
            name, has, value = word.partition("=")
            flag = reading.known.get(name)
            sentence = reading.take(name, flag, value if has else None) if flag else reading.unknown(name)
        elif word.startswith("-") and len(word) > 1:
            sentence = reading.cluster(word)
        elif word == "-":
            sentence = "`-` would read standard input, which is closed"
        elif rule.subs:
            if word not in rule.subs:
                sentence = reading.unknown(word)
            else:
                sub = rule.subs[word]
                reading.known = {**(reading.known if rule.inherit else {}), **_flags(sub.flags)}
                reading.rule, reading.never = sub, {**reading.never, **sub.never}
                reading.words.append(word)
        else:
            sentence = _operand(reading, word)
        if sentence:
            return sentence
        reading.at += 1
    return Parsed(tuple(reading.words), reading.flags, reading.operands)


def _operand(reading: _Reading, word: str) -> str | None:
    kind = reading.rule.operands
    if kind is None:
        return reading.never.get(word) or f"`{one_line(word, 60)}` has no place here"
    if not _fits(kind, word):
        return f"`{one_line(word, 60)}` is not known as harmless here"
    reading.operands.append(word)
    return None


def _whole(rule: Rule, parsed: Parsed) -> str | None:
    """What can be said only of the whole line."""
    if rule.subs and not rule.bare:
        return "a sub-command is missing"
    for group in rule.needs:
        if not parsed.has(*group.split()):
            return f"{' or '.join(group.split())} must be given"
    if len(parsed.operands) > rule.most:
        return f"at most {amount(rule.most, 'operand')} here"
    if len(parsed.operands) < rule.least:
        return f"at least {amount(rule.least, 'operand')} here"
    return rule.check(parsed) if rule.check else None

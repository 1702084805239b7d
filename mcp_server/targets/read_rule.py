"""What a rule of the read table says: flags, operands and sub-commands of one program that are reads."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

KINDS: Mapping[str, re.Pattern[str]] = {
    "int": re.compile(r"\d{1,12}"),
    "number": re.compile(r"\d{1,12}(\.\d{1,6})?(ms|[smhdwKMGTPE]?i?B?)"),
    "word": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@%+,=~-]*"),
    "name": re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.:@%+,=~/-]*"),
    "address": re.compile(r"[A-Za-z0-9_.:\[\]][A-Za-z0-9_.:%/\[\]-]*"),
    "glob": re.compile(r"[A-Za-z0-9_.*?\[\]@%+:/][A-Za-z0-9_.*?\[\]@%+,:=~/\\-]*"),
    "path": re.compile(r"[^-;&|<>`$*?!\"'\\][^;&|<>`$*?!\"'\\]*"),
    "absolute": re.compile(r"/[^;&|<>`$*?!\"'\\]*"),
    "text": re.compile(r".*"),
}
"""What a value or operand may look like; a rule may also give a pattern of its own as `=/…/` without blanks."""


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
    style: Literal["gnu", "go", "words", "raw"] = "gnu"
    """How flags are written: getopt, pflag, `-long`; `raw` hands every word to `check` as an operand."""
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


@cache
def flags_of(spec: str) -> Mapping[str, Flag]:
    """The flags a rule lists, by name."""
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


def fits(kind: str, text: str) -> bool:
    """Whether a value or operand is of this kind."""
    return _pattern(kind).fullmatch(text) is not None

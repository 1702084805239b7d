"""Which command lines are reads: an allow-list that fails closed.

A program is known by its sub-commands, flags and operands (`read_rules/`); whatever is not listed is refused. Flags must
be written out: GNU tools take abbreviations, so an unlisted one is an unknown flag. A value written as a word of its own
must not begin with `-`, because then we and the program might disagree about what it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from mcp_server.core.text import amount, one_line
from mcp_server.targets.read_rule import Flag, Parsed, Rule, fits, flags_of

MOST_ARGUMENTS, MOST_CHARACTERS = 256, 16_384
BIN_FOLDERS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u205f-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]")
_SHELL = re.compile(r"[|;&<>]+|\d*[<>].*|&>.*|.*(`|\$\().*|.*[;|&]")
_DASH = "-\u00ad\u058a\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"


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
            exact = flag.kind.startswith("/") and attached is not None and fits(flag.kind, attached)
            if attached is not None and attached.startswith("-") and not exact:
                return f"the value of {name} begins with `-`; write it as {name}=VALUE" if name[:2] == "--" else (
                    f"the value of {name} begins with `-`"
                )  # fmt: skip
        if attached is None and not flag.optional:
            return self.never.get(name) or f"{name} needs a value"
        if attached is not None and not fits(flag.kind, attached):
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
                    if flag.attached and not rest.startswith("="):
                        return self.never.get(name) or f"write {name}=false"  # `-wfalse` would be -w -f alse
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
    reading = _Reading(argv, rule, known=dict(flags_of(rule.flags)), never=dict(rule.never))
    only_operands = False
    while reading.at < len(argv):
        word, rule = argv[reading.at], reading.rule
        sentence: str | None = None
        if only_operands or rule.style == "raw":
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
                reading.known = {**(reading.known if rule.inherit else {}), **flags_of(sub.flags)}
                reading.flags = reading.flags if rule.inherit else []
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
    if not fits(kind, word):
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

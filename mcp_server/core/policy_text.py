"""Rules in prose: sentences that say must or never, name a limit, or say who owns something; and which of them contradict.

Words are compared, not meaning: two sentences speak of the same thing when the telling words of one are among the other's.
Less is found so than a person would find, and little is found that is none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Rank = Literal["canonical", "team", "tool", "historical", "draft"]
RANKS: tuple[Rank, ...] = ("canonical", "team", "tool", "historical", "draft")
"""The first counts most."""
_PATH_WORDS: tuple[tuple[Rank, re.Pattern[str]], ...] = (
    ("draft", re.compile(r"drafts?|wip|proposals?|proposed|rfcs?")),
    ("historical", re.compile(r"archived?|archives|historical|history|old|deprecated|legacy|postmortems?|attic")),
    ("canonical", re.compile(r"canonical|important|polic(?:y|ies)|claude|agents|authority")),
    ("tool", re.compile(r"tools?|vendors?|third|generated")),
    ("team", re.compile(r"teams?|runbooks?|playbooks?")),
)
_FRONT = re.compile(r"\A---\n(.*?)\n---\s*\n", re.DOTALL)
_DECLARED = re.compile(r"^(?:authority|status)\s*:\s*[\"']?([a-z]+)", re.MULTILINE | re.IGNORECASE)
_FENCE = re.compile(r"^\s{0,8}(```|~~~)")
_BULLET = re.compile(r"^\s{0,20}(?:[-*+]|\d{1,3}[.)])\s+")
_SENTENCE = re.compile(r"(?<=[.!;])\s+(?=[A-Z0-9`*])")
_NEVER = re.compile(
    r"\b(?:must not|must never|mustn't|never|do not|don't|shall not|may not|can ?not|forbidden|prohibited|not allowed)\b", re.I
)
_MUST = re.compile(r"\b(?:must|always|shall|required|mandatory|have to|has to|allowed|may(?! be| have))\b", re.I)
_CONDITION = re.compile(r"\b(?:without|unless|except|only|until|before|if|when|while|during|outside|after)\b", re.I)
_UNITS: dict[str, tuple[str, float]] = {
    "s": ("time", 1), "sec": ("time", 1), "second": ("time", 1), "min": ("time", 60), "minute": ("time", 60),
    "h": ("time", 3600), "hour": ("time", 3600), "day": ("time", 86_400), "week": ("time", 604_800),
    "%": ("percent", 1), "percent": ("percent", 1), "mb": ("size", 1), "gb": ("size", 1024), "tb": ("size", 1_048_576),
}  # fmt: skip
_AMOUNT = re.compile(
    r"(?<![\w.])(\d{1,9}(?:\.\d{1,6})?)\s?(seconds?|sec|s|minutes?|min|hours?|h|days?|weeks?|%|percent|[mgt]b)(?!\w)", re.I
)
_PORT = re.compile(r"\bport\s{0,3}[:=]?\s{0,3}(\d{1,5})\b", re.I)
_VERSION = re.compile(r"\bversion\s{0,3}[:=]?\s{0,3}v?(\d{1,6}(?:\.\d{1,6}){0,4})\b", re.I)
_ROLE = r"(?P<role>owner|contact|on-?call|channel|maintainer|pager|approver|escalation)"
_THING = r"(?P<thing>[^:=]{2,80}?)"
_IS = r"\s*(?::|=|\bis\b)\s*(?P<value>.{2,80})$"
_OWNER_FORMS = (
    re.compile(rf"^(?:the )?{_ROLE} (?:of|for) (?:the )?{_THING}{_IS}", re.I),
    re.compile(rf"^(?:the )?{_THING}(?:['’]s)? {_ROLE}{_IS}", re.I),
    re.compile(r"^(?:the )?(?P<thing>.{2,80}?) (?:is|are) (?P<role>owned|maintained) by (?P<value>.{2,80})$", re.I),
)
_WORD = re.compile(r"[a-z0-9][a-z0-9_-]*[a-z0-9]|[a-z0-9]", re.I)
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be been being by can do does each every for from has have in into is it its more most no not "
        "of on or our shall should than that the their them then there these they this to under up us use used we with within "
        "will you your must never always may allowed required mandatory forbidden prohibited don t less least over per about "
        "via only both after",
    )
)
_MOST = 300


@dataclass(frozen=True)
class Reading:
    """One sentence as understood. `says` is must, never, a kind of limit, or a role; `value` what it gives to it."""

    kind: Literal["directive", "limit", "name"]
    says: str
    words: frozenset[str]
    value: str = ""
    conditional: bool = False


def rank_of(path: str, text: str) -> tuple[Rank, str]:
    """The rank of a page and what says so: its front matter, else a word of its path, the last part first; else team."""
    front = _FRONT.match(text[:8_000])
    if front:
        for found in _DECLARED.finditer(front[1]):
            for rank in RANKS:
                if found[1].lower() == rank:
                    return rank, "its front matter"
    for part in reversed(path.split("/")):
        words = re.findall(r"[a-z]+", part.lower())
        for rank, pattern in _PATH_WORDS:
            for word in words:
                if pattern.fullmatch(word):
                    return rank, f"the word {word} in its path"
    return "team", "nothing says otherwise"


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """(line, sentence) of prose, list items and table rows; headings, front matter and code are left out."""
    front = _FRONT.match(text)
    skipped = front[0].count("\n") if front else 0
    block, begun, fenced = list[str](), 0, False
    for number, line in enumerate(text.split("\n"), 1):
        bounds = number <= skipped or not line.strip() or line.lstrip().startswith(("#", "|")) or _BULLET.match(line)
        if _FENCE.match(line) or bounds or fenced:
            yield from _split(begun, block)
            block = []
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced or number <= skipped or not line.strip() or line.lstrip().startswith("#"):
            continue
        else:
            begun = begun if block else number
            block.append(_BULLET.sub("", line, count=1).strip().strip("|>").strip())
    yield from _split(begun, block)


def _split(line: int, block: Sequence[str]) -> Iterator[tuple[int, str]]:
    for sentence in _SENTENCE.split(" ".join(block)):
        if 8 <= len(sentence) <= _MOST:
            yield line, sentence


def read(sentence: str) -> tuple[Reading, ...]:
    """What a sentence says, as far as it is of a known form; empty for everything else."""
    plain = re.sub(r"[*`_\"“”]+(?=\W|$)|(?<!\w)[*`_\"“”]+", "", sentence).strip()
    found: list[Reading] = []
    conditional = _CONDITION.search(plain) is not None
    if _NEVER.search(plain):
        found.append(Reading("directive", "never", _words(_NEVER.sub(" ", plain)), conditional=conditional))
    elif _MUST.search(plain):
        found.append(Reading("directive", "must", _words(_MUST.sub(" ", plain)), conditional=conditional))
    found += _limits(plain)
    for form in _OWNER_FORMS:
        if match := form.match(plain.rstrip(".")):
            role = {"owned": "owner", "maintained": "maintainer"}.get(match["role"].lower(), match["role"].lower())
            value = " ".join(match["value"].lower().replace("|", " ").split()).removeprefix("the ").strip(" .,;")
            found.append(Reading("name", role.replace("-", ""), _words(match["thing"]), value))
            break
    return tuple(item for item in found if item.words)


def _limits(plain: str) -> Iterator[Reading]:
    """One limit per family; a sentence with several of one family says too much to be compared."""
    amounts: dict[str, list[tuple[str, str]]] = {}
    for match in _AMOUNT.finditer(plain):
        unit = match[2].lower()
        family, factor = _UNITS.get(unit) or _UNITS[unit.rstrip("s")]
        amounts.setdefault(family, []).append((match[0], f"{float(match[1]) * factor:g}"))
    for family, pattern in (("port", _PORT), ("version", _VERSION)):
        for match in pattern.finditer(plain):
            amounts.setdefault(family, []).append((match[0], match[1]))
    for family, values in amounts.items():
        if len(values) == 1:
            text, value = values[0]
            yield Reading("limit", family, _words(plain.replace(text, " ")), value)


def contradicts(one: Reading, other: Reading) -> bool:
    """Whether both cannot hold. A prohibition with a condition leaves room for what is demanded without one."""
    if one.kind != other.kind or not same_thing(one.words, other.words, least=1 if one.kind == "name" else 2):
        return False
    if one.kind == "directive":
        never = one if one.says == "never" else other
        return one.says != other.says and not never.conditional
    return one.says == other.says and one.value != other.value


def same_thing(one: frozenset[str], other: frozenset[str], least: int = 2) -> bool:
    """Whether the telling words of one are among the other's, and are at least half of them."""
    small, large = sorted((one, other), key=len)
    return len(small) >= least and small <= large and len(small) * 2 >= len(large)


def _words(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in map(str.lower, _WORD.findall(text)) if word not in _COMMON)


def _stem(word: str) -> str:
    """Plural and tense taken off; enough to let `deploys` and `deploy` meet."""
    for ending, least in (("ments", 5), ("ment", 5), ("ings", 4), ("ing", 4), ("ed", 4), ("es", 4), ("s", 3), ("e", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= least and not word.endswith("ss"):
            return word.removesuffix(ending).removesuffix("e")
    return word

"""How people word trouble, made comparable: terms (stemmed words), and concepts (words that mean the same in this field)."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_WORD = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z]{3,})|[A-Z]?[a-z]+(?=[A-Z][a-z]{2,})|[^\W_]+")
"""`ModuleNotFoundError` is three words and one; `ECONNREFUSED` and `k8s` are one."""
_WHOLE = re.compile(r"[^\W_]+")
_NOISE = re.compile(r"\d{5,}|(?=[a-f\d]*\d)(?=[a-f\d]*[a-f])[a-f\d]{7,}|\d{1,4}(?:ms|s|m|h|d|kb|mb|gb)?(?<!\d\d\d)")
"""Ids, digests, sizes and durations: what differs between two tellings of the same trouble. Codes such as 502 stay."""
COMMON = frozenset(Path(__file__).with_name("common_words.txt").read_text(encoding="utf8").split())
_LONGEST_TEXT = 200_000


def terms(text: str) -> list[str]:
    """The stems of a text's telling words, in order. Numbers that only identify are left out."""
    found: list[str] = []
    for match in _WHOLE.finditer(text[:_LONGEST_TEXT]):
        whole = match[0]
        parts = _WORD.findall(whole)
        for word in (whole, *parts) if len(parts) > 1 and any(part.isalpha() and len(part) > 2 for part in parts) else (whole,):
            low = word.lower()
            if low not in COMMON and not _NOISE.fullmatch(low):
                found.append(stem(low))
    return found


def stem(word: str) -> str:
    """A word without its English ending. Light on purpose: two forms of a word must meet, no two words may."""
    if word[:-1].isdigit() and word.endswith("s"):
        return word[:-1]  # 504s
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return word
    for end, instead in _ENDINGS:
        if word.endswith(end) and len(word) - len(end) >= 3:
            base = word[: -len(end)] + instead
            if not instead and len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsz":
                base = base[:-1]  # dropped → drop
            return base[:-1] if base.endswith("e") and len(base) > 4 else base
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


_ENDINGS = (
    ("ations", "at"), ("ation", "at"), ("ions", ""), ("ion", ""), ("ingly", ""), ("ings", ""), ("ing", ""), ("edly", ""),
    ("ies", "y"), ("sses", "ss"), ("ied", "y"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("ed", ""), ("ness", ""),
    ("ments", "ment"), ("ly", ""), ("ss", "ss"), ("us", "us"), ("is", "is"), ("s", ""),
)  # fmt: skip
"""Ending and what takes its place; the first that fits."""


@cache
def _phrases() -> Mapping[str, Sequence[tuple[tuple[str, ...], str]]]:
    """Stemmed phrases by their first stem, the longest first, each with its concept."""
    from yaml import BaseLoader, load

    text = Path(__file__).with_name("concepts.yaml").read_text(encoding="utf8")
    groups = load(text, BaseLoader)  # noqa: S506 -- builds text, lists and maps only
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for concept, phrases in groups.items():
        for phrase in phrases:
            stems = tuple(_kept(phrase))
            found.setdefault(stems[0], []).append((stems, concept))
    return {first: sorted(rows, key=lambda row: -len(row[0])) for first, rows in found.items()}


def _kept(text: str) -> list[str]:
    """Every word stemmed, common ones too: `goes down` and `comes back` are made of them."""
    return [stem(word.lower()) for word in _WHOLE.findall(text[:_LONGEST_TEXT])]


def concepts(text: str) -> Counter[str]:
    """What a text speaks of: each concept with the number of its phrases that were said, in order of first mention."""
    words, known, found = _kept(text), _phrases(), Counter[str]()
    said: set[tuple[str, tuple[str, ...]]] = set()
    for index, word in enumerate(words):
        for phrase, concept in known.get(word, ()):
            if (concept, phrase) not in said and tuple(words[index : index + len(phrase)]) == phrase:
                said.add((concept, phrase))
                found[concept] += 1
    return found


def known_concepts() -> frozenset[str]:
    """The names in concepts.yaml."""
    return frozenset(concept for rows in _phrases().values() for _, concept in rows)

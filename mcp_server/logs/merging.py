"""Shapes that differ in one variable word are one shape."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from mcp_server.logs.trimming import trouble

_MAX_WORDS = 120
_ROUNDS = 3
# the word behind such a key is what the line says: it never varies
_TELLING = re.compile(
    r"[^\w]*(?:message|msg|event|error|err|exception|reason|level|severity|status|state|type|action)[^\w]*[:=]"
)


Words = tuple[str, ...]


def merge(texts: Iterable[str]) -> dict[str, str]:
    """Shapes that are one: old text → merged text, for those that change.

    Shapes of equal length that differ in exactly one word become one when that word takes enough values for the number
    of words that stay (_enough), or when a shape exists in which it is already masked. Short shapes stay as they are:
    `X startup succeeded` says something else for every X.
    So does a word of trouble (`job ended FAILED`). The result depends on the set of texts alone.
    """
    start = {text: tuple(text.split(" ")) for text in texts}
    now = {text: words for text, words in start.items() if len(words) <= _MAX_WORDS}
    for _ in range(_ROUNDS):
        moved: dict[Words, Words] = {}
        for _, target, members in sorted(_alike(set(now.values()))):
            for words in members:
                moved.setdefault(words, target)
        if not moved:
            break
        now = {text: moved.get(words, words) for text, words in now.items()}
    return {text: " ".join(words) for text, words in now.items() if words != start[text]}


def _alike(shapes: set[Words]) -> Iterator[tuple[int, Words, list[Words]]]:
    """(minus their number, what they become, shapes that differ in one word only), for those that shall be merged."""
    lengths = defaultdict[int, list[Words]](list)
    for words in shapes:
        lengths[len(words)].append(words)
    for length, alike in lengths.items():
        # the sum of the hashes of all words but one stands for `all words but one`: linear, where slices are quadratic
        hashes = [[hash((place, word)) for place, word in enumerate(words)] for words in alike]
        sums = [sum(row) for row in hashes]
        for place in range(length):
            buckets = defaultdict[int, list[Words]](list)
            for words, row, total in zip(alike, hashes, sums, strict=True):
                buckets[total - row[place]].append(words)
            for members in buckets.values():
                if len(members) > 1 and (target := _target(place, members)):
                    yield -len(members), target, members


def _target(place: int, members: list[Words]) -> Words | None:
    one = members[0]
    before, after = one[:place], one[place + 1 :]
    stay = sum(word != "*" for word in (*before, *after))
    if stay < (4 if place == 0 else 3) or (before and _TELLING.fullmatch(before[-1])):
        return None
    if any(words[:place] != before or words[place + 1 :] != after for words in members):  # hashes met by chance
        return None
    members[:] = [words for words in members if not trouble().search(words[place])]
    values = [words[place] for words in members]
    if len(values) < 2:
        return None
    key = values[0].partition("=")[0] + "="
    keyed = all(value.startswith(key) for value in values)
    mask = key + "*" if keyed else "*"
    enough = 2 if mask in values else 4 if keyed or stay < 5 else 3
    return (*before, mask, *after) if len(values) >= enough else None

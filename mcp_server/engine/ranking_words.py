"""Words that an error and a change have in common: rare names say much, words that stand in every change say nothing."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from mcp_server.engine.ranking_data import Candidate, Symptom

_OWN, _NAME, _PLAIN, _WORDS_CAP = 45.0, 16.0, 8.0, 45.0
"""Points of a package's own name, of a rare name (`pool_size`, `QueuePool`), of a rare plain word, and of all together."""
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{1,60}(?:[.-][A-Za-z0-9_]{1,60}){0,6}")
_PATHS = re.compile(r"(?:^|(?<=[\s'\"(=,]))/[^\s'\",;]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_SAID = """
the and for with from this that not are was were has have had will would can could been being its into than then them
error errors err failed failure fail failing exception traceback most recent call last file line lines module modules
import imports request requests response responses server servers client clients host hosts http https get post put head
status code info warn warning critical debug fatal log logs logger logging level message msg name names value values
none null true false self return def class raise raised try except while when where what which data type types object
objects str int float bool list dict key keys set add added remove removed update updated change changed new old use
used using make main init test tests conf config configuration settings setting option options default service services
app apps application web page pages user users system process processes worker workers thread threads start started stop
stopped run running time times second seconds date day run root home var etc usr lib bin srv python python3 gunicorn
nginx site packages com org net www local localhost index utf utf8 src one two all any more less only after before
during over under out off per cannot could does did doing done about because upstream connection connect address port
path let const function await async handle handler base core common util utils helper helpers also now same other some
such very just like even exit pid src via but you your our their there here
"""
COMMON = frozenset(_SAID.split())
"""Words that stand in every error and every diff, and therefore say nothing."""


def words_of(text: str) -> dict[str, bool]:
    """Words of an error or a diff in lower case, and whether each is a name rather than a plain word. Paths are left out."""
    found: dict[str, bool] = {}
    for token in _TOKEN.findall(_PATHS.sub(" ", text)):
        pieces = [piece.lower() for part in re.split(r"[_.-]", token) for piece in _CAMEL.findall(part)]
        whole = token.lower().strip("_.-")
        if len(pieces) > 1 and not all(piece in COMMON for piece in pieces):
            found[_stem(whole.replace("-", "_"))] = True
        for piece in pieces:
            if len(piece) >= 3 and piece not in COMMON and _stem(piece) not in COMMON:
                found.setdefault(_stem(piece), False)
    return found


def word_points(
    symptoms: Sequence[Symptom], changes: Sequence[Candidate], said: Sequence[str] = ()
) -> list[tuple[float, list[str]]]:  # fmt: skip
    """For each change the points of the words it shares with the symptoms; words that stand in every change say nothing.

    `said` has for each change the clue that counts already: its words do not count twice.
    """
    wanted: dict[str, bool] = {}
    for symptom in symptoms:
        if not symptom.indirect:
            message = _message(symptom.text)
            wanted |= words_of(message)
            wanted |= dict.fromkeys((_stem(match[1].lower()) for match in _QUOTED.finditer(message)), True)
    theirs = [_words(change) for change in changes]
    frequency = Counter(word for words in theirs for word in words)
    return [
        _points(wanted, words - set(words_of(counted)), frequency, len(changes), _own_names(change))
        for change, words, counted in zip(changes, theirs, said or [""] * len(changes), strict=True)
    ]


def _message(text: str) -> str:
    """What an error says, without its trace (frames are matched as paths) and without what a visitor asked for."""
    lines = [line.split(", client: ", 1)[0] for line in text.splitlines()]
    return "\n".join(line for number, line in enumerate(lines) if number == 0 or not line[:1].isspace())


_QUOTED = re.compile(r"['\"]([A-Za-z_]\w{2,60})['\"]")
"""What an error quotes is a name."""
_DRESS = re.compile(r"^(?:python3?-|lib|php-|node-|golang-|ruby-)|(?:-dev|-common|-core|-bin|\d[\d.]*)$")


def _own_names(change: Candidate) -> set[str]:
    """What a package is called without the distribution's dress: `python3-psycopg2` is psycopg."""
    names = [clue.removeprefix("package:") for clue in change.clues if clue.startswith("package:")]
    if change.source == "git" or len(names) > 3:
        return set()
    bare = {_DRESS.sub("", _DRESS.sub("", name)) for name in names}
    return {piece for name in (*names, *bare) for piece in words_of(name) if len(piece) >= 4}


def _points(
    wanted: Mapping[str, bool], words: set[str], frequency: Counter[str], total: int, own: set[str]
) -> tuple[float, list[str]]:  # fmt: skip
    found = []
    # of a change with few words each says more: in a large one some word of any error stands by chance
    few = min(1.6, max(1.0, 2.2 - 0.3 * math.log2(1 + len(words))))
    for word in words & wanted.keys():
        rarity = math.log2((total + 1) / frequency[word]) / math.log2(total + 1)
        found.append(((_OWN if word in own else (_NAME if wanted[word] else _PLAIN) * few) * rarity, word))
    scored = sorted(found, key=lambda item: (-item[0], item[1]))
    scored = [item for item in scored if item[0] >= 1]
    points = sum(value if index == 0 else value / 2 for index, (value, _) in enumerate(scored))
    return min(_WORDS_CAP, round(points, 1)), [word for _, word in scored[:3]]


def _words(change: Candidate) -> set[str]:
    """Its words; a diff's whole tokens count as names too, so that `pool_size` meets `pool_size`."""
    if "runtime" in change.kinds() or change.kind == "attributes":
        return set()
    files = [
        clue.rpartition("/")[2] for clue in change.all_clues()[:60] if clue.startswith("path:") and change.source != "files"
    ]
    return set(words_of(" ".join((*change.all_words(), *files))))


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word

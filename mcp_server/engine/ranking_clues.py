"""What a symptom and a change share: typed clues (`module:stripe`, `path:/etc/nginx/nginx.conf`), and words.

The weights are points as everywhere in the ranking: ten double the odds. A module's name in a diff says more than a folder
that both lie in.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from mcp_server.core.change import Change
from mcp_server.core.clues import class_of
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding
from mcp_server.engine.ranking_data import Candidate, Symptom, candidate_of

WEIGHT = {"module": 100, "package": 90, "unit": 60, "port": 60, "pid": 60, "path": 40, "filesystem": 20, "word": 50}
_INSIDE, _AROUND, _COMPONENT = 35, 10, 15
_RIGHTS, _NAMED, _START = 25, 25, 30
"""Taken off when only rights changed, when a port only stands in a file that changed, when a process merely started."""
_HOW_INSIDE, HOW_AROUND = "inside the folder concerned", "somewhere in the folder changed"
_FRAME, _FRAMES, _ELSEWHERE = 6, 18, 25
"""Taken off per frame of a trace outwards, at most; and where the error says that something outside failed."""
_LENT, _LENT_LESS = ("module", "package", "path"), 10
"""Kinds of clue that a mere consequence lends to the search for the cause, and how much less they say."""


class Shared(Noun):
    """One clue that both have. `how` is an authored word: exact, folder, …"""

    kind: str = Field(description="ours: a key of WEIGHT, or component")
    value: str = Field(description="data")
    how: str
    weight: int


def shared_clues(symptom: Finding | Symptom, change: Change | Candidate) -> tuple[Shared, ...]:
    """What they share, the most telling first; empty when only the time connects them.

    A change with many clues (a row of files told as one) says less with each of them; a change of rights says little; a
    file names all its ports, changed or not; the start of a process is how other changes take effect.
    """
    texts = _texts(change)
    change = change if isinstance(change, Candidate) else candidate_of(change)
    clues, theirs = symptom.clues, [_split(clue) for clue in change.all_clues()]
    paths = [value for kind, value in theirs if kind == "path"]
    around = {path for path in paths if any(other.startswith(path.rstrip("/") + "/") for other in paths)}
    found = [shared for clue in clues for other in theirs if (shared := _match(*_split(clue), *other))]
    found += [
        Shared(kind="word", value=value, how="stands in the change", weight=WEIGHT["word"])
        for kind, value in map(_split, clues)
        if kind == "word" and len(value) >= 3 and any(value in text for text in texts)
    ]
    if symptom.component and symptom.component == change.component:
        found.append(Shared(kind="component", value=symptom.component, how="the same component", weight=_COMPONENT))
    frames = [value for kind, value in map(_split, clues) if kind == "path" and class_of(value) == "code"]
    outside = _OUTSIDE.search(_said(symptom)) is not None
    best: dict[tuple[str, str], Shared] = {}
    less = round(2.5 * math.log2(max(1, len(theirs)))) + (_RIGHTS if change.kind == "attributes" else 0)
    less -= _RIGHTS if change.kind == "attributes" and _REFUSED.search(_said(symptom)) else 0
    less += _START if "runtime" in change.kinds() else 0
    whole = any(_holds(clue.removeprefix("path:"), top) for clue in clues for top in around)
    for item in found:
        if whole and item.how == _HOW_INSIDE:  # every commit of a checkout lies inside it
            item = Shared(kind=item.kind, value=item.value, how=HOW_AROUND, weight=_AROUND)  # noqa: PLW2901 -- weighed anew
        if item.kind == "path" and item.value in frames and item.weight >= _INSIDE:
            further = min(_FRAME * frames.index(item.value), _FRAMES)  # the innermost comes first
            item = item.model_copy(update={"weight": item.weight - further - (_ELSEWHERE if outside else 0)})  # noqa: PLW2901
        weight = item.weight - less - (_NAMED if item.kind == "port" and change.source == "files" else 0)
        if item.kind == "path" and item.value in around:
            weight = _AROUND - less  # the checkout a commit lies in, not a file that it touched
        known = best.get((item.kind, item.value))
        if weight > 0 and (known is None or known.weight < weight):
            best[item.kind, item.value] = item.model_copy(update={"weight": weight})
    return tuple(sorted(best.values(), key=lambda item: -item.weight))


_OUTSIDE = re.compile(
    r"(?i)connection (?:refused|reset|timed out)|connect ?timeout|read timed out|max retries exceeded|no route to host"
    r"|network is unreachable|name resolution|name or service not known|could not translate host|no space left|ENOSPC|quota"
    r"|out of memory|cannot allocate memory|certificate (?:has )?expired|certificate verify failed|service unavailable"
    r"|\b50[234] server error|too many requests|bad gateway|gateway time-?out|server closed the connection"
)
"""Something outside the program did not do its part: where in the code that surfaced says little about the cause."""
_REFUSED = re.compile(r"(?i)permission|denied|not permitted|EACCES|EPERM|forbidden")
"""Where access is refused, a change of rights is as telling as one of content."""


def _said(symptom: Finding | Symptom) -> str:
    return symptom.text if isinstance(symptom, Symptom) else " ".join((symptom.text, *symptom.quotes))


def all_shared(symptoms: Iterable[Symptom], change: Candidate) -> tuple[Shared, ...]:
    """Over several symptoms, each clue once with its highest weight; consequences lend only their telling clues."""
    found: list[Shared] = []
    for symptom in symptoms:
        shared = shared_clues(symptom, change)
        if symptom.indirect:
            lent = [item for item in shared if item.kind in _LENT and item.how == "exact"]
            shared = tuple(
                item.model_copy(update={"weight": item.weight - _LENT_LESS, "how": "exact, through a symptom"})
                for item in lent
                if item.weight > _LENT_LESS
            )
        found += shared
    found.sort(key=lambda item: -item.weight)
    once = {(item.kind, item.value): item for item in reversed(found)}
    return tuple(sorted(once.values(), key=lambda item: -item.weight))


# --- words -----------------------------------------------------------------------------------------------------------

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


def word_points(symptoms: Sequence[Symptom], changes: Sequence[Candidate]) -> list[tuple[float, list[str]]]:
    """For each change the points of the words it shares with the symptoms; words that stand in every change say nothing."""
    wanted: dict[str, bool] = {}
    for symptom in symptoms:
        if not symptom.indirect:
            message = _message(symptom.text)
            wanted |= words_of(message)
            wanted |= dict.fromkeys((_stem(match[1].lower()) for match in _QUOTED.finditer(message)), True)
    theirs = [_words(change) for change in changes]
    frequency = Counter(word for words in theirs for word in words)
    return [
        _points(wanted, words, frequency, len(changes), _own_names(change))
        for change, words in zip(changes, theirs, strict=True)
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
    for word in words & wanted.keys():
        rarity = math.log2((total + 1) / frequency[word]) / math.log2(total + 1)
        found.append(((_OWN if word in own else _NAME if wanted[word] else _PLAIN) * rarity, word))
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


# --- clues -----------------------------------------------------------------------------------------------------------


def _match(kind: str, value: str, other_kind: str, other: str) -> Shared | None:
    if kind == other_kind == "path":
        return _paths(value, other)
    if kind in ("module", "package") and other_kind in ("module", "package") and _normal(value) == _normal(other):
        how = "exact" if kind == other_kind else f"{kind} and {other_kind} of one name"
        return Shared(kind=kind, value=value, how=how, weight=WEIGHT[kind] - (0 if kind == other_kind else 15))
    if kind == other_kind and value == other and kind in WEIGHT and kind != "word":
        return Shared(kind=kind, value=value, how="exact", weight=WEIGHT[kind])
    return None


def _paths(found: str, changed: str) -> Shared | None:
    """Equal paths, or one inside the other. `/` and folders just below it contain everything and say nothing.

    A file that changed inside the folder or mount found says more than a change of the whole folder a found file lies in.
    """
    if found == changed:
        return Shared(kind="path", value=found, how="exact", weight=WEIGHT["path"])
    if found.endswith(f"/{changed}") and not changed.startswith("/"):
        return Shared(kind="path", value=found, how="ends in the file changed", weight=WEIGHT["path"])
    for folder, item, how, weight in (
        (found, changed, _HOW_INSIDE, _INSIDE), (changed, found, HOW_AROUND, _AROUND),
    ):  # fmt: skip
        top = folder.rstrip("/")
        if top.count("/") >= 2 and item.startswith(top + "/"):
            return Shared(kind="path", value=item, how=how, weight=weight)
    return None


def _holds(folder: str, top: str) -> bool:
    return top == folder or (folder.startswith("/") and top.startswith(folder.rstrip("/") + "/"))


def _split(clue: str) -> tuple[str, str]:
    kind, _, value = clue.partition(":")
    return kind, value


def _normal(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _texts(change: Change | Candidate) -> list[str]:
    if isinstance(change, Candidate):
        return [change.text, *change.diff, *change.words]
    return [
        *change.summary.quotes,
        *(value for value in change.summary.values.values() if isinstance(value, str)),
        *change.words,
    ]

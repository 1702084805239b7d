"""Plain JSON for the ranker: checked, and errors as sentences. The shapes are told in docs/ranking.md."""

import difflib
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError

from mcp_server.core.clues import ports_in
from mcp_server.core.errors import BadInput
from mcp_server.core.noun import Noun
from mcp_server.core.text import one_line
from mcp_server.engine.ranking_data import Candidate, Edge, Past, Series, Symptom, Time

MOST_POINTS = 2_000_000
_MODULE = re.compile(r"No module named '?([\w.]{1,200})|cannot import name '[\w.]{1,200}' from '([\w.]{1,200})'")
_FRAME = re.compile(r"File \"([^\"\n]{1,500})\", line \d")
_PATH = re.compile(r"(?<![\w:/.])/(?:[\w.@+-]{1,100}/){1,20}[\w.@+-]{1,100}")
_PORT = re.compile(r"(?:\bport[ =:]|:)(\d{2,5})\b(?![.:\d])")


class Row(Noun):
    """One observation, the long form of a series."""

    component: str
    instance: str = ""
    metric: str
    at: Time
    value: float | None
    version: str = ""
    toward: str = ""


class JsonSeries(Noun):
    """One metric of one instance; points are [time, value]."""

    component: str
    instance: str = ""
    metric: str
    version: str = ""
    toward: str = ""
    points: tuple[tuple[Time, float | None], ...]


def _form(value: Any) -> str:
    """Whether an observation is a whole series or a single row."""
    return "series" if isinstance(value, JsonSeries) or (isinstance(value, Mapping) and "points" in value) else "row"


Observation = Annotated[Annotated[Row, Tag("row")] | Annotated[JsonSeries, Tag("series")], Discriminator(_form)]


def _edge(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) == 2:
        return {"caller": value[0], "callee": value[1]}
    return value


def _symptom(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Asked(Noun):
    """Everything `rank` takes."""

    onset: Time
    onset_doubt_ms: int | None = Field(None, ge=0)
    changes: tuple[Candidate, ...] = Field(max_length=10_000)
    symptoms: tuple[Annotated[Symptom, BeforeValidator(_symptom)], ...] = ()
    observations: tuple[Observation, ...] = Field((), max_length=MOST_POINTS)
    edges: tuple[Annotated[Edge, BeforeValidator(_edge)], ...] = ()
    history: tuple[Past, ...] = ()
    earlier: tuple[Candidate, ...] = Field((), max_length=10_000)
    unseen: tuple[str, ...] = ()

    def all_series(self) -> tuple[Series, ...]:
        """Rows gathered to series, series as they are; values that are absent are left out.

        Where nobody says which instance, a version is one, unless it takes the place of the one before: then all are one.
        """
        heaps: dict[tuple[str, str, str, str, str], list[tuple[float, float]]] = {}
        for item in self.observations:
            heap = heaps.setdefault((item.component, item.instance, item.metric, item.version, item.toward), [])
            if isinstance(item, JsonSeries):
                heap += [(at.timestamp(), value) for at, value in item.points if value is not None]
            elif item.value is not None:
                heap.append((item.at.timestamp(), item.value))
        together = _replaced(heaps)
        return tuple(
            Series(
                component=component, metric=metric, version=version, toward=toward, points=tuple(points),
                instance=instance or ("(all)" if component in together else f"(all of version {version or 'unknown'})"),
            )
            for (component, instance, metric, version, toward), points in heaps.items()
        )  # fmt: skip

    def doubt(self, series: Sequence[Series]) -> timedelta:
        """How far off the onset may be: as given, else what most logs stamp (a second), or the usual distance of two points:
        nobody sees between them."""
        if self.onset_doubt_ms is not None:
            return timedelta(milliseconds=self.onset_doubt_ms)
        gaps = [
            later - earlier
            for item in series[:200]
            for (earlier, _), (later, _) in pairwise(sorted(item.points))
            if later > earlier
        ]
        return timedelta(seconds=max(1.0, statistics.median(gaps) if gaps else 0.0))

    def all_symptoms(self) -> tuple[Symptom, ...]:
        """With the clues that an error message shows by itself."""
        return tuple(
            item.model_copy(update={"clues": tuple(dict.fromkeys((*item.clues, *_clues(item.text))))}) for item in self.symptoms
        )


def _replaced(heaps: Mapping[tuple[str, str, str, str, str], Sequence[tuple[float, float]]]) -> set[str]:
    """Components without named instances whose versions follow each other: at most two moments show more than one."""
    versions: dict[str, dict[float, set[str]]] = {}
    for (component, instance, _, version, _), points in heaps.items():
        if not instance:
            moments = versions.setdefault(component, {})
            for at, _ in points:
                moments.setdefault(at, set()).add(version)
    return {name for name, moments in versions.items() if sum(len(seen) > 1 for seen in moments.values()) <= 2}


def _clues(text: str) -> list[str]:
    found = ["module:" + (match[1] or match[2]).split(".")[0] for match in _MODULE.finditer(text)]
    found += [
        f"path:{match[1]}"
        for match in _FRAME.finditer(text)
        if not re.search(r"/(?:site|dist)-packages/|/lib/python", match[1])
    ]
    found += [
        f"path:{match[0]}" for match in _PATH.finditer(text) if "-packages/" not in match[0] and "/lib/python" not in match[0]
    ]
    found += [f"port:{int(match[1])}" for match in _PORT.finditer(text) if 0 < int(match[1]) < 65_536]
    return [*found, *ports_in(text.splitlines())][:100]


def asked_of(data: Mapping[str, object]) -> Asked:
    """The checked input. Raises BadInput naming field, value and what would be valid."""
    if not isinstance(data, Mapping):
        raise BadInput(f"the input is a {type(data).__name__}; it should be an object with `onset` and `changes`")
    given = dict(data)
    for field in ("changes", "earlier"):
        changes = given.get(field)
        if not isinstance(changes, list):
            continue
        given[field] = [  # an id nobody gave is the place in the list
            {"id": index, **item} | {"id": str(item.get("id", index))} if isinstance(item, Mapping) else item
            for index, item in enumerate(changes)
        ]
    try:
        asked = Asked.model_validate(given)
    except ValidationError as error:
        raise BadInput(_complaint(error.errors()[0])) from None
    twice = [name for name, times in Counter(change.id for change in asked.changes).items() if times > 1]
    if twice:
        raise BadInput(f"`changes` holds the id `{one_line(twice[0], 60)}` more than once; give each change its own, or none")
    return asked


_FORMS: dict[str, type[Noun]] = {
    "changes": Candidate, "earlier": Candidate, "symptoms": Symptom, "edges": Edge, "history": Past, "row": Row,
    "series": JsonSeries, "observations": Row,
}  # fmt: skip


def _complaint(item: Any) -> str:
    """One problem as a sentence: field, value, what would be valid."""
    place = [part for part in item["loc"] if part not in ("row", "series")]
    where = ".".join(map(str, place))
    why = str(item["msg"]).removeprefix("Value error, ")
    said = f"`{where}` is `{one_line(item['input'], 80)}`: {why}"
    if item["type"] == "extra_forbidden":
        form: type[Noun] = next((_FORMS[part] for part in reversed(item["loc"][:-1]) if part in _FORMS), Asked)
        near = difflib.get_close_matches(str(place[-1]), list(form.model_fields), n=1)
        known = ", ".join(name for name in form.model_fields if name != "taken")
        said = (
            f"`{where}` is not a field that is known" + (f" (did you mean `{near[0]}`?)" if near else "") + f"; known: {known}"
        )
    elif item["type"] == "missing":
        said = f"`{where}` is needed"
    elif item["type"] in ("tuple_type", "list_type"):
        said = f"`{where}` is `{one_line(item['input'], 80)}`; it should be a list"
    return f"{said}; the shapes are in docs/ranking.md"

"""Plain JSON for the ranker: checked, and errors as sentences. The shapes are told in docs/ranking.md."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

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
    instance: str
    metric: str
    at: Time
    value: float
    version: str = ""
    toward: str = ""


class JsonSeries(Noun):
    """One metric of one instance; points are [time, value]."""

    component: str
    instance: str
    metric: str
    version: str = ""
    toward: str = ""
    points: tuple[tuple[Time, float | None], ...]


def _edge(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) == 2:
        return {"caller": value[0], "callee": value[1]}
    return value


def _symptom(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Asked(Noun):
    """Everything `rank` takes."""

    onset: Time
    onset_doubt_ms: int = Field(1_000, ge=0)
    changes: tuple[Candidate, ...] = Field(max_length=10_000)
    symptoms: tuple[Annotated[Symptom, BeforeValidator(_symptom)], ...] = ()
    observations: tuple[Row | JsonSeries, ...] = Field((), max_length=MOST_POINTS)
    edges: tuple[Annotated[Edge, BeforeValidator(_edge)], ...] = ()
    history: tuple[Past, ...] = ()
    unseen: tuple[str, ...] = ()

    def all_series(self) -> tuple[Series, ...]:
        """Rows gathered to series, series as they are; values that are absent are left out."""
        heaps: dict[tuple[str, str, str, str, str], list[tuple[float, float]]] = {}
        for item in self.observations:
            key = (item.component, item.instance, item.metric, item.version, item.toward)
            heap = heaps.setdefault(key, [])
            if isinstance(item, Row):
                heap.append((item.at.timestamp(), item.value))
            else:
                heap += [(at.timestamp(), value) for at, value in item.points if value is not None]
        return tuple(
            Series(component=component, instance=instance, metric=metric, version=version, toward=toward, points=tuple(points))
            for (component, instance, metric, version, toward), points in heaps.items()
        )

    def all_symptoms(self) -> tuple[Symptom, ...]:
        """With the clues that an error message shows by itself."""
        return tuple(
            item.model_copy(update={"clues": tuple(dict.fromkeys((*item.clues, *_clues(item.text))))}) for item in self.symptoms
        )


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
    changes = given.get("changes")
    if isinstance(changes, list):  # an id nobody gave is the place in the list
        given["changes"] = [
            {"id": str(index), **item} if isinstance(item, Mapping) else item for index, item in enumerate(changes)
        ]
    try:
        return Asked.model_validate(given)
    except ValidationError as error:
        item = error.errors()[0]
        where = ".".join(str(part) for part in item["loc"] if part not in ("Row", "JsonSeries"))
        said = f"`{where}` is `{one_line(item['input'], 80)}`"
        if item["type"] == "extra_forbidden":
            said = f"`{where}` is not a field that is known"
        elif item["type"] == "missing":
            said = f"`{where}` is needed"
        raise BadInput(f"{said}: {str(item['msg']).removeprefix('Value error, ')}; the shapes are in docs/ranking.md") from None

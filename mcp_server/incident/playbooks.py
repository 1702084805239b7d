"""Playbooks: markdown read by people, front matter carried out by the program. The document is the procedure.

A step names a diagnostic and its arguments. Arguments may hold `{service.url}` and the like: places filled from what the
settings declare and what the incident recorded, never from text seen outside.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

import mcp_server
from mcp_server.core.clock import stamp
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import BlindSpot
from mcp_server.core.settings import MonitoringSettings, ServiceSettings
from mcp_server.core.text import one_line
from mcp_server.engine.catalog import Catalog
from mcp_server.incident.record import Incident

Kind = Literal["index", "form", "flow", "checklist", "workflow", "gate"]
INDEX = "00_INDEX.md"
LOOK_BACK = timedelta(hours=1)
"""How long before the onset logs are read: the first error is often older than the first complaint."""
_PLACE = re.compile(r"\{([a-z]+\.[a-z_]+)\}")
EACH = "each.value"
_FRONT = re.compile(r"---\n(.*?)\n---\n(.*)", re.DOTALL)


class Step(Noun):
    """One question. `optional` arguments are left out when their place has no value; those of `with` are needed."""

    ask: str
    why: str = ""
    target: str | None = Field(None, description="place to ask it at; default: the incident's")
    arguments: dict[str, Any] = Field({}, alias="with")
    optional: dict[str, Any] = {}
    each: str | None = Field(None, description="place that holds a list: asked once per value, which is {each.value}")
    needs: tuple[str, ...] = ()
    any_of: tuple[str, ...] = Field((), description="places of which at least one must have a value")
    where: tuple[str, ...] = Field((), description="asked only where one of these has a value; where none has, it is no gap")


class Route(Noun):
    """What leads here: words that a title may hold, and symptoms as people tell them."""

    words: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    about: tuple[str, ...] = Field((), description="concepts of concepts.yaml that the page is about")


class Playbook(Noun):
    """One document."""

    kind: Kind
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{1,40}$")
    summary: str = Field(min_length=10, max_length=300)
    verified: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="date on which a person or a test ran it")
    route: Route = Route()
    steps: tuple[Step, ...] = ()
    defaults: dict[str, str] = Field({}, description="index only: which document of a kind, when no word matches")
    checks: tuple[str, ...] = Field((), description="gate only: names of checks in incident/gates.py")
    operations: tuple[str, ...] = Field(
        (), description="workflow only: operations that may repair it, as plan_action names them"
    )
    escalate: str = Field("", description="workflow only: area of forms/escalation.md")
    verified_by: str = Field("", description="test that ran it against the broken and the healthy")
    data: dict[str, Any] = Field({}, description="tables that the program reads from this page: severity levels, escalation")
    path: str = ""
    body: str = ""


class Asked(Noun):
    """A step with its places filled, or the reason why it cannot be asked."""

    ask: str
    target: str | None = None
    arguments: dict[str, Any] = {}
    blind: BlindSpot | None = None


Library = Mapping[tuple[str, str], Playbook]
"""Playbooks by (kind, name)."""


def folder() -> Path:
    """The shipped documents: inside the installed package, else beside it in a checkout."""
    package = Path(mcp_server.__file__).parent
    installed = package / "incident_response"
    return installed if installed.is_dir() else package.parent / "docs" / "incident_response"


def library(catalog: Catalog, place: Path | None = None) -> Library:
    """Every document with front matter. Raises Broken naming the file, and the step, that cannot be carried out."""
    return _library(catalog, place or folder())


@cache
def _files(place: Path) -> tuple[Playbook, ...]:
    return tuple(playbook for path in sorted(place.rglob("*.md")) if (playbook := read_page(path)))


def _library(catalog: Catalog, place: Path) -> Library:
    found: dict[tuple[str, str], Playbook] = {}
    for playbook in _files(place):
        check_steps(playbook, catalog)
        if (playbook.kind, playbook.name) in found:
            raise Broken(f"{playbook.path}: the {playbook.kind} {playbook.name} exists already")
        found[playbook.kind, playbook.name] = playbook
    index = found.get(("index", "index"))
    if index is None:
        raise Broken(f"{place} holds no {INDEX} of kind index", "restore docs/incident_response")
    for kind, name in index.defaults.items():
        if (kind, name) not in found:
            raise Broken(f"{index.path}: default {kind} {name} does not exist")
    return found


def read_page(path: Path) -> Playbook | None:
    """One document. None without front matter: it is for people only. Raises Broken naming what is wrong."""
    from yaml import BaseLoader, YAMLError, load

    try:
        match = _FRONT.fullmatch(path.read_text(encoding="utf8"))
        if match is None:
            return None
        # BaseLoader builds text, lists and maps only: `502_504` stays a name, parameters coerce their own numbers
        return Playbook.model_validate({**load(match[1], BaseLoader), "path": str(path), "body": match[2]})  # noqa: S506
    except ValidationError as error:
        item = error.errors()[0]
        raise Broken(f"{path}: `{'.'.join(map(str, item['loc']))}`: {item['msg']}", "mend the front matter") from None
    except (OSError, ValueError, TypeError, YAMLError) as error:
        raise Broken(f"{path} cannot be read as a playbook: {one_line(error, 300)}", "mend the front matter") from None


_SAMPLE_SERVICE = ServiceSettings(
    url="http://127.0.0.1/", root="/srv/app", folders=("/etc/app",), logs=("/var/log/app.log",), nginx="/etc/nginx/nginx.conf",
    python="/srv/app/.venv", entry="app.wsgi", unit="app.service", process="app.wsgi",
    port=8000, container="docker://default/app", workload="k8s://prod/app", access_logs=("/var/log/access.log",),
    database_host="127.0.0.1",
    database_port=5432, database_user="monitor", cache="127.0.0.1:6379", vendors=("http://127.0.0.1:1/",),
    names=("db.internal",), data=("/srv/export",), data_hours=26,
)  # fmt: skip
_SAMPLE_MONITORING = MonitoringSettings(prometheus="http://127.0.0.1:9090", alertmanager="http://127.0.0.1:9093")
_SAMPLE_TIMES = {"incident.onset": "2026-01-01T00:00:00.000Z", "incident.opened": "2026-01-01T00:00:00.000Z"}


def check_steps(playbook: Playbook, catalog: Catalog) -> None:
    """Raises Broken naming the step that cannot be carried out."""
    for number, step in enumerate(playbook.steps, 1):
        _check_step(playbook, number, step, catalog)


def _check_step(playbook: Playbook, number: int, step: Step, catalog: Catalog) -> None:
    """Every step names a real unit with valid parameters, tried with a service that declares everything."""
    where = f"{playbook.path}, step {number} ({step.ask})"
    context = _service_context("app", _SAMPLE_SERVICE) | _SAMPLE_TIMES | {"incident.since": _SAMPLE_TIMES["incident.onset"]}
    context |= _monitoring_context(_SAMPLE_MONITORING)
    for place in (
        *_places([step.target, step.arguments, step.optional]),
        *step.needs,
        *step.any_of,
        *step.where,
        step.each or EACH,
    ):
        if place == EACH:
            continue
        if place not in context:
            raise Broken(f"{where}: there is no place {{{place}}}; places: {', '.join(context)}")
    try:
        unit = catalog.diagnostic(step.ask)
        for value in context[step.each] if step.each else (None,):
            unit.params.parse(_fill({**step.arguments, **step.optional}, context | {EACH: value}))
    except BadInput as error:
        raise Broken(f"{where}: {error}", "mend the step") from None


def route(found: Library, text: str) -> dict[str, Playbook]:
    """The index's default of each kind, and of the other kinds the document that fits `text` best, if any does."""
    index = found["index", "index"]
    chosen = {kind: found[kind, name] for kind, name in index.defaults.items()}
    for playbook in fitting(found, text):
        chosen.setdefault(playbook.kind, playbook)
    return chosen


def fitting(found: Library, text: str) -> list[Playbook]:
    """Workflows and checklists that a symptom speaks of, the best first; found as `search_knowledge` finds them."""
    from mcp_server.incident.knowledge import playbook_document
    from mcp_server.incident.knowledge_index import Index

    books = {f"{kind} {name}": book for (kind, name), book in found.items() if kind in ("workflow", "checklist")}
    index = Index()
    try:
        index.update("playbook", (playbook_document(book).model_copy(update={"name": key}) for key, book in books.items()))
        hits = index.search(text, limit=len(books) or 1)
    finally:
        index.close()
    return [books[hit.name] for hit in hits if hit.phrases or hit.ideas]


def named(found: Library, name: str) -> Playbook:
    """The flow, checklist or workflow with this name. Raises BadInput with the names."""
    runnable = [item for item in found.values() if item.steps]
    for playbook in runnable:
        if playbook.name == name:
            return playbook
    listing = ", ".join(sorted(item.name for item in runnable))
    raise BadInput(f"`playbook` is `{one_line(name, 60)}`; playbooks with steps: {listing}")


def context_of(
    incident: Incident, service: str | None, declared: ServiceSettings | None, monitoring: MonitoringSettings | None = None
) -> dict[str, Any]:  # fmt: skip
    """Everything a step may refer to; None where nothing is declared."""
    times = {
        "incident.onset": stamp(incident.onset), "incident.opened": stamp(incident.opened),
        "incident.since": stamp(incident.onset - LOOK_BACK),
    }  # fmt: skip
    return _service_context(service, declared) | _monitoring_context(monitoring or MonitoringSettings()) | times


def _monitoring_context(monitoring: MonitoringSettings) -> dict[str, Any]:
    return {f"monitoring.{key}": getattr(monitoring, key) for key in MonitoringSettings.model_fields}


def _service_context(name: str | None, declared: ServiceSettings | None) -> dict[str, Any]:
    values = {f"service.{key}": getattr(declared, key, None) or None for key in ServiceSettings.model_fields}
    host = urlsplit(declared.url).hostname if declared and declared.url else None
    return {"service.name": name, "service.host": host} | {
        key: list(value) if isinstance(value, tuple) else value for key, value in values.items()
    }


def asked(playbooks: Sequence[Playbook], context: Mapping[str, Any]) -> Iterator[Asked]:
    """The steps of several documents, each question once, places filled. What is not declared is a blind spot."""
    seen: list[tuple[str, str | None, dict[str, Any]]] = []
    for playbook in playbooks:
        for step in playbook.steps:
            if step.where and all(context.get(place) is None for place in step.where):
                continue
            needed = dict.fromkeys((*step.needs, *([step.each] if step.each else []), *_places([step.target, step.arguments])))
            needed.pop(EACH, None)
            missing = [place for place in needed if context.get(place) is None]
            if step.any_of and all(context.get(place) is None for place in step.any_of):
                missing.append(" or ".join(step.any_of))
            if missing:
                yield Asked(ask=step.ask, blind=_undeclared(step.ask, missing, context.get("service.name")))
                continue
            for value in context[step.each] if step.each else (None,):
                filled = {**context, EACH: value}
                given = {
                    key: text for key, text in step.optional.items() if all(filled.get(p) is not None for p in _places(text))
                }
                arguments = _fill({**step.arguments, **given}, filled)
                target = _fill(step.target, filled)
                if (step.ask, target, arguments) not in seen:
                    seen.append((step.ask, target, arguments))
                    yield Asked(ask=step.ask, target=target, arguments=arguments)


def _undeclared(ask: str, missing: list[str], service: str | None) -> BlindSpot:
    keys = ", ".join(missing).replace("service.", "").replace("monitoring.", "")
    if all(place.startswith("monitoring.") for place in missing):
        remedy = f"declare {keys} under [monitoring] in the settings file"
    else:
        table = f"[services.{service}]" if service else "[services.NAME]"
        remedy = f"declare {keys} under {table} in the settings file" + ("" if service else " and name it with `service`")
    return BlindSpot(what=ask, reason=f"not asked: {', '.join(missing)} is not declared", remedy=remedy)


def _places(value: Any) -> list[str]:
    if isinstance(value, str):
        return _PLACE.findall(value)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [place for item in items for place in _places(item)]


def _fill(value: Any, context: Mapping[str, Any]) -> Any:
    """Places replaced by values; a text that is one place only becomes the value itself, lists included."""
    if isinstance(value, Mapping):
        return {key: _fill(item, context) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fill(item, context) for item in value]
    if not isinstance(value, str):
        return value
    if whole := _PLACE.fullmatch(value):
        return context[whole[1]]
    return _PLACE.sub(lambda match: str(context[match[1]]), value)

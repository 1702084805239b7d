"""What can be asked: every diagnostic with its question and parameters."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from mcp_server.core.declare import DiagnosticUnit
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Coverage, Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import one_line
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.tools import Circumstances
from mcp_server.surface.verb import Verb, VerbUnit, load_verbs


class Params(Parameters):
    """Which diagnostics to describe."""

    area: str | None = Field(None, max_length=40, description="Only this area, such as host")
    match: str | None = Field(None, max_length=80, description="Only names or questions holding this text")


VERB = Verb(
    summary="Which questions can be asked? Every diagnostic with its question and parameters, by area.",
    group="diagnose",
    examples=({}, {"area": "host"}),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """From the catalog alone; nothing is looked at. Raises BadInput for an area that does not exist."""
    units = session.catalog.diagnostics.values()
    areas = sorted({unit.spec.area for unit in units})
    if params.area is not None and params.area not in areas:
        raise BadInput(f"`area` is `{one_line(params.area, 40)}`; areas: {', '.join(areas)}")
    words = (params.match or "").lower()
    chosen = [
        unit
        for unit in sorted(units, key=lambda unit: (unit.spec.area, unit.name))
        if params.area in (None, unit.spec.area) and words in f"{unit.name} {unit.spec.question}".lower()
    ]

    others = [
        unit
        for unit in load_verbs().values()
        if not unit.spec.tool
        and not unit.spec.writes
        and params.area is None
        and words in f"{unit.name} {unit.spec.summary}".lower()
    ]

    def work() -> Told:
        return Told(
            statements=(*map(_described, chosen), *map(_other, others)) or (_nothing(len(session.catalog.diagnostics)),),
            coverage=Coverage(looked=("catalog",), empty=() if chosen or others else ("diagnostics matching the filter",)),
            data={unit.name: unit.params.input_schema() for unit in chosen}
            | {unit.name: unit.params.input_schema() for unit in others},
            next=tuple(Suggestion(tool="run_diagnostic", arguments={"name": unit.name}) for unit in chosen[:1]),
        )

    return tell(session, asking, "list_diagnostics", params, work, "catalog")


def _nothing(count: int) -> Statement:
    return Statement(text="none of {count} diagnostics matches; call without a filter", values={"count": count})


def _described(unit: DiagnosticUnit) -> Statement:
    told = ", ".join((*_parameters(unit.params), *Circumstances.model_fields))
    places = "" if unit.spec.places == ("local",) else f" (at {' and '.join(unit.spec.places)} places)"
    return _line(f"{unit.spec.area} · {unit.name}: {unit.spec.question}{places} [{told}]")


def _other(unit: VerbUnit) -> Statement:
    return _line(f"{unit.spec.group} · {unit.name}: {unit.spec.summary} [{', '.join(_parameters(unit.params))}]")


def _parameters(params: type[Parameters]) -> Iterator[str]:
    for name, field in params.model_fields.items():
        default: Any = field.get_default(call_default_factory=True)
        yield f"{name} (required)" if field.is_required() else f"{name}={default}"


def _line(text: str) -> Statement:
    return Statement(text=text.replace("{", "{{").replace("}", "}}"))

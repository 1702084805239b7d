"""The inventory: every tool, whatever door it is reached through. MCP and the scripts both call from here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from pydantic import Field

from mcp_server.core.address import SPELLED
from mcp_server.core.declare import DiagnosticUnit
from mcp_server.core.errors import Broken
from mcp_server.core.outcome import Outcome
from mcp_server.core.parameters import Parameters, refuse_oversized, refuse_unknown
from mcp_server.engine.catalog import Catalog
from mcp_server.engine.run import Question, ask
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import current
from mcp_server.surface.verb import VerbUnit, load_verbs


class Circumstances(Parameters):
    """What every diagnostic takes besides its own parameters."""

    target: str = Field("local", max_length=300, description=f"Where to look: {SPELLED}")
    incident: str | None = Field(None, max_length=40, description="Incident it belongs to (INC-n); default: the only open one")


@dataclass(frozen=True)
class Tool:
    """One tool, ready for any door. `call` raises VeteranError kinds only."""

    name: str
    summary: str
    group: str
    listed: bool
    """Listed as a tool of its own; the others are reached through `run_diagnostic`."""
    schema: Callable[[], dict[str, Any]]
    call: Callable[[Session, Mapping[str, Any], Asking], Outcome]
    fields: tuple[type[Parameters], ...]
    examples: tuple[Mapping[str, Any], ...]
    script: bool
    unit: DiagnosticUnit | VerbUnit
    writes: bool = False
    """Not read-only: it has the executor carry out a plan."""


class Inventory(Mapping[str, Tool]):
    """Every tool by name: verbs first, then diagnostics. A tool's file is imported when the tool is first asked for."""

    def __init__(self, verbs: Mapping[str, VerbUnit], diagnostics: Mapping[str, DiagnosticUnit]) -> None:
        if both := verbs.keys() & diagnostics.keys():
            raise Broken(f"a verb and a diagnostic share the name {sorted(both)[0]}", "rename one of the files")
        self._verbs, self._diagnostics = verbs, diagnostics
        self._made: dict[str, Tool] = {}

    def __getitem__(self, name: str) -> Tool:
        if name not in self._made:
            self._made[name] = _verb(self._verbs[name]) if name in self._verbs else _diagnostic(self._diagnostics[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._verbs or name in self._diagnostics

    def __iter__(self) -> Iterator[str]:
        return chain(self._verbs, self._diagnostics)

    def __len__(self) -> int:
        return len(self._verbs) + len(self._diagnostics)


def inventory(catalog: Catalog) -> Inventory:
    """Every tool of this program. Raises Broken for a name that is taken twice."""
    return Inventory(load_verbs(), catalog.diagnostics)


def ask_diagnostic(session: Session, name: str, arguments: Mapping[str, Any], asking: Asking) -> Outcome:
    """Run one diagnostic with its own and the common arguments together. Raises BadInput."""
    unit = session.catalog.diagnostic(name)
    refuse_unknown(arguments, (*unit.params.model_fields, *Circumstances.model_fields))
    refuse_oversized(arguments)
    common = Circumstances.parse({key: value for key, value in arguments.items() if key in Circumstances.model_fields})
    own = {key: value for key, value in arguments.items() if key not in Circumstances.model_fields}
    asking.incident, notice = current(session.ledger, common.incident)
    outcome = ask(session, Question.of(session, name, own), common.target, asking)
    return outcome.model_copy(update={"notice": notice}) if notice else outcome


@cache
def _common_schema() -> dict[str, Any]:
    return Circumstances.input_schema()


_SAMPLES = {"docker": "docker://shop", "k8s": "k8s://prod/shop"}


def _examples(unit: DiagnosticUnit) -> tuple[Mapping[str, Any], ...]:
    """As declared; a question that is not for this host names its place."""
    if "local" in unit.spec.places:
        return unit.spec.examples
    return tuple({"target": _SAMPLES[unit.spec.places[0]], **example} for example in unit.spec.examples)


def _diagnostic(unit: DiagnosticUnit) -> Tool:
    def schema() -> dict[str, Any]:
        own, common = unit.params.input_schema(), _common_schema()
        own["properties"] = own.get("properties", {}) | common["properties"]
        return own

    def call(session: Session, arguments: Mapping[str, Any], asking: Asking) -> Outcome:
        return ask_diagnostic(session, unit.name, arguments, asking)

    return Tool(
        name=unit.name, summary=unit.spec.question, group=unit.spec.area, listed=unit.spec.tool, schema=schema, call=call,
        fields=(unit.params, Circumstances), examples=_examples(unit), script=True, unit=unit,
    )  # fmt: skip


def _verb(unit: VerbUnit) -> Tool:
    def call(session: Session, arguments: Mapping[str, Any], asking: Asking) -> Outcome:
        return unit.run(session, unit.params.parse(arguments), asking)

    return Tool(
        name=unit.name, summary=unit.spec.summary, group=unit.spec.group, listed=unit.spec.tool,
        schema=unit.params.input_schema, call=call, fields=(unit.params,), examples=unit.spec.examples, script=unit.spec.script,
        unit=unit, writes=unit.spec.writes,
    )  # fmt: skip

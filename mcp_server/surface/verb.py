"""Declaration of a tool that is not a diagnostic: `Verb`. Its module holds `VERB`, `Params` and `run`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from mcp_server.core.outcome import Outcome
from mcp_server.core.parameters import Parameters
from mcp_server.engine.catalog import Units, function, member
from mcp_server.engine.session import Asking, Session


@dataclass(frozen=True, kw_only=True)
class Verb:
    """What a person or model reads of it. `script` verbs also get a file in `scripts/incident_response/`."""

    summary: str
    group: Literal["incident", "diagnose", "record", "change"]
    script: bool = True
    writes: bool = False
    """It changes the system under examination, by having the executor carry out a plan. One verb does, and no other."""
    tool: bool = True
    """Offered to clients in their list of tools; the others are for people and their timers."""
    examples: tuple[Mapping[str, Any], ...] = ({},)


@dataclass(frozen=True)
class VerbUnit:
    """A verb as found: `run(session, params, asking)` returns an Outcome already in the ledger, or one of its own."""

    name: str
    spec: Verb
    params: type[Parameters]
    run: Callable[[Session, Any, Asking], Outcome]


@cache
def load_verbs() -> Mapping[str, VerbUnit]:
    """Every verb of `surface/verbs/`, by name; a file is imported when its verb is first asked for (Broken names it)."""
    return Units(Path(__file__).parent / "verbs", _verb)


def _verb(module: ModuleType) -> VerbUnit:
    return VerbUnit(
        name=module.__name__.rsplit(".", 1)[-1], spec=member(module, "VERB", Verb), params=member(module, "Params", Parameters),
        run=function(module, "run", ("session", "params", "asking")),
    )  # fmt: skip

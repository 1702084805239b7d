"""`what_changed`: commits, packages, files, units and all other changes over one window, the most probable cause first."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from mcp_server.core.address import SPELLED
from mcp_server.core.change import Window
from mcp_server.core.clock import When, stamp
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Outcome
from mcp_server.core.parameters import Parameters
from mcp_server.engine.places import resolve
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import current, find
from mcp_server.surface.verb import Verb

VERB = Verb(
    summary="What changed before the onset: commits, packages, files, units, boots, jobs on one clock, ranked with reasons",
    group="diagnose",
    examples=({}, {"service": "shop", "since": "2h"}, {"folders": ["/srv/shop"], "onset": "2026-11-20T10:31:07Z"}),
)
DAY = timedelta(hours=24)
LONGEST = timedelta(days=90)

Absolute = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4_096)]


class Params(Parameters):
    """Where and when to look."""

    target: str | None = Field(None, max_length=300, description=f"{SPELLED}; default: the incident's, else local")
    incident: str | None = Field(None, max_length=40, description="Incident it belongs to (INC-n); default: the only open one")
    service: str | None = Field(None, max_length=60, description="Declared service; default: the incident's")
    since: When | None = Field(
        None, description="Begin of the window; default: 24h before the onset, at most 90 days before its end"
    )
    until: When | None = Field(None, description="End of the window; default: now")
    onset: When | None = Field(None, description="When the trouble began; default: the incident's onset")
    folders: tuple[Absolute, ...] = Field((), max_length=20, description="Checkouts and configuration folders, absolute paths")
    pythons: tuple[Absolute, ...] = Field((), max_length=20, description="Virtual environments or interpreters, absolute paths")
    limit: int = Field(40, ge=1, le=200, description="Changes listed; the rest is counted")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Fill the gaps from the incident, then ask every source of change."""
    from mcp_server.engine.ranking_data import symptom_of
    from mcp_server.engine.what_changed import scope_of
    from mcp_server.engine.what_changed import what_changed as ask
    from mcp_server.incident.answers import answers, past_causes
    from mcp_server.incident.first_alert import first_alert, onset_by

    asking.incident, notice = current(session.ledger, params.incident)
    incident = find(session.ledger, asking.incident) if asking.incident else None
    target = params.target or (incident.target if incident else "local")
    service = session.service(params.service or (incident.service if incident else None))
    known = answers(session.ledger, incident, session.catalog.diagnostics) if incident else None
    onset = params.onset or (onset_by(incident, first_alert(incident, known.alerts())) if incident and known else None)
    until = params.until or resolve(target, session.settings.read).now()
    since = params.since or min(onset or until, until) - DAY
    if since >= until:
        raise BadInput(f"`since` is `{stamp(since)}`; it should be earlier than `until`, which is {stamp(until)}")
    if until - since > LONGEST:
        raise BadInput(f"`since` is `{stamp(since)}`; it should be at most 90 days before `until`, which is {stamp(until)}")
    scope = scope_of(session.settings.services[service] if service else None, service, params.folders, params.pythons)
    symptoms = tuple(symptom_of(finding) for finding in known.findings()) if known else ()
    window = Window(since=since, until=until)
    history = past_causes(session.ledger, incident) if incident else ()
    outcome = ask(session, target, window, scope, onset, asking, limit=params.limit, symptoms=symptoms, history=history)
    return outcome.model_copy(update={"notice": notice}) if notice else outcome

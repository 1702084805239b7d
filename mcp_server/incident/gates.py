"""Gates: checks on the record, named by `gates/*.md`. A stage is done when its gate is met; only people may skip one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.noun import Noun
from mcp_server.core.text import one_line
from mcp_server.engine.session import Session
from mcp_server.incident.answers import Answers, answers, past_causes
from mcp_server.incident.causes import Diagnosis, diagnose
from mcp_server.incident.pages import pages
from mcp_server.incident.record import Incident


class Standing(Noun):
    """An incident with all that is known of it."""

    incident: Incident
    known: Answers
    diagnosis: Diagnosis
    kept: tuple[str, ...] = ()
    """Kinds of the incident's entries in the ledger, and names of its answers with their verdict."""


def standing(session: Session, incident: Incident) -> Standing:
    """Fold the ledger and diagnose."""
    known = answers(session.ledger, incident, session.catalog.diagnostics)
    diagnosis = diagnose(incident, known, session.catalog.finding_types(), past_causes(session.ledger, incident))
    kept: dict[str, None] = {}
    for entry in session.ledger.entries(incident=incident.id):
        kept.setdefault(entry.kind)
        if entry.kind == "outcome":
            kept.setdefault(f"{entry.body['outcome']['name']} {entry.body['outcome']['verdict']}")
    return Standing(incident=incident, known=known, diagnosis=diagnosis, kept=tuple(kept))


IMPROVES = ("detection:", "prevention:", "response:", "communication:")


def _never_again(now: Standing) -> bool:
    return any(note.text.lower().lstrip().startswith(IMPROVES) for note in now.incident.notes)


def _trigger_known(now: Standing) -> bool:
    return now.diagnosis.probable is None or now.diagnosis.probable.trigger is not None


CHECKS: Mapping[str, tuple[str, Callable[[Standing], bool]]] = MappingProxyType(
    {
        "severity_set": ("no severity is set", lambda now: now.incident.severity is not None),
        "triage_done": ("no triage was made", lambda now: now.known.triage is not None),
        "everything_seen": ("some questions could not be answered", lambda now: not now.diagnosis.not_yet),
        "cause_or_health": ("neither a cause nor health is established", lambda now: now.diagnosis.state != "unknown"),
        "trigger_known": ("the cause has no triggering change", _trigger_known),
        "recovery_seen": (
            "the last answers do not show that it is over",
            lambda now: now.diagnosis.state == "nothing",
        ),
        "blast_known": (
            "nobody stated how many users are hurt, and blast_radius was not asked",
            lambda now: any(kind.startswith(("incident.severity", "blast_radius ")) for kind in now.kept),
        ),
        "update_drafted": ("no first message was drafted", lambda now: "incident.update_drafted" in now.kept),
        "repair_recorded": (
            "no repair is on record: no plan was carried out, and no note says what was done",
            lambda now: "execute_action ok" in now.kept or bool(now.incident.notes),
        ),
        "never_again": (f"no note names an improvement (it begins with {', '.join(IMPROVES)})", _never_again),
        "note_made": ("no note says who decided or did what", lambda now: bool(now.incident.notes)),
    }
)
"""Name → (what is said when it is not met, the check)."""


QUALITY = "quality"
"""The gate before closing."""


def unmet_checks(session: Session, now: Standing, gate: str = QUALITY) -> tuple[str, ...]:
    """What a gate misses, as sentences. Raises BadInput for a gate that does not exist, Broken for a check that does not."""
    found = pages(session)
    page = found.get(("gate", gate))
    if page is None:
        names = ", ".join(name for kind, name in sorted(found) if kind == "gate")
        raise BadInput(f"`stage` is `{one_line(gate, 40)}`; it should be one of: {names}")
    missing = []
    for name in page.checks:
        if name not in CHECKS:
            raise Broken(f"{page.path}: there is no check `{name}`; checks: {', '.join(CHECKS)}")
        sentence, holds = CHECKS[name]
        if not holds(now):
            missing.append(sentence)
    return tuple(missing)

"""Gates: checks on the record itself, named by `gates/*.md`. A gate warns; people decide."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mcp_server.core.errors import Broken
from mcp_server.core.noun import Noun
from mcp_server.engine.session import Session
from mcp_server.incident.answers import Answers, answers, past_causes
from mcp_server.incident.causes import Diagnosis, diagnose
from mcp_server.incident.playbooks import library
from mcp_server.incident.record import Incident


class Standing(Noun):
    """An incident with all that is known of it."""

    incident: Incident
    known: Answers
    diagnosis: Diagnosis


def standing(session: Session, incident: Incident) -> Standing:
    """Fold the ledger and diagnose."""
    known = answers(session.ledger, incident, session.catalog.diagnostics)
    diagnosis = diagnose(incident, known, session.catalog.finding_types(), past_causes(session.ledger, incident))
    return Standing(incident=incident, known=known, diagnosis=diagnosis)


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
        "note_made": ("no note says who decided or did what", lambda now: bool(now.incident.notes)),
    }
)
"""Name → (what is said when it is not met, the check)."""


def unmet_checks(session: Session, now: Standing) -> tuple[str, ...]:
    """What the gates miss, as sentences. Raises Broken when a gate names a check that does not exist."""
    missing = []
    for (kind, _), gate in sorted(library(session.catalog).items()):
        for name in gate.checks if kind == "gate" else ():
            if name not in CHECKS:
                raise Broken(f"{gate.path}: there is no check `{name}`; checks: {', '.join(CHECKS)}")
            sentence, holds = CHECKS[name]
            if not holds(now):
                missing.append(sentence)
    return tuple(missing)

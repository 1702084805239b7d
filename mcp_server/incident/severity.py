"""How bad is it: four levels, from what is stated and seen, with reasons. What is not known is said, not guessed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from mcp_server.core.errors import Broken
from mcp_server.core.ledger import Entry, Ledger
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, Outcome, Statement
from mcp_server.engine.session import Session
from mcp_server.incident.pages import pages
from mcp_server.incident.record import SeverityLevel

ENTRY = "incident.severity"
_NOBODY = {"connection_refused", "no_answer", "connection_closed", "name_unresolved", "bad_gateway", "gateway_timeout"}


class Impact(Noun):
    """What is known of who is hurt. None is not known."""

    users_percent: float | None = Field(None, ge=0, le=100)
    key_function: bool | None = None
    data_breach: bool = False
    danger: bool = False
    workaround: bool | None = None
    cosmetic: bool = False


class Level(Noun):
    """One row of the severity page."""

    level: SeverityLevel
    acknowledge_min: int = Field(gt=0)
    update_min: int = Field(gt=0)
    tell: str


class Assessment(Noun):
    """A level with its reasons, and what would change it."""

    level: SeverityLevel
    reasons: tuple[Statement, ...]
    open_questions: tuple[str, ...] = ()
    users_percent: float | None = None


def classify(impact: Impact, refusal: Finding | None = None) -> Assessment:
    """The level. `refusal` is what was seen where the address that users call answers nobody: that hurts all of them."""
    worst = [
        (impact.data_breach, "data was exposed"), (impact.danger, "people are in danger"),
        ((impact.users_percent or 0) >= 95, "all users are hurt: {percent} %"),
    ]  # fmt: skip
    values = {"percent": impact.users_percent}
    reasons = [Statement(text=text, values=values if "{" in text else {}) for met, text in worst if met]
    if refusal and impact.users_percent is None:
        text = "the address that users call answers nobody: " + refusal.text
        reasons.append(Statement(text=text, values=refusal.values, evidence=refusal.evidence))
    if reasons:
        return Assessment(level="SEV1", reasons=tuple(reasons), users_percent=impact.users_percent)
    if impact.cosmetic:
        return Assessment(level="SEV4", reasons=(Statement(text="it is cosmetic"),), users_percent=impact.users_percent)
    if impact.users_percent is not None and impact.users_percent > 50:
        reasons.append(Statement(text="more than half of the users are hurt: {percent} %", values=values))
    if impact.key_function:
        reasons.append(Statement(text="a key function is hurt"))
    if reasons:
        return Assessment(level="SEV2", reasons=tuple(reasons), users_percent=impact.users_percent)
    unknown = []
    if impact.users_percent is None:
        unknown.append("how many users are hurt (users_percent)")
    if impact.key_function is None:
        unknown.append("whether a key function is hurt (key_function)")
    if impact.workaround is None:
        unknown.append("whether there is a way round (workaround)")
    if impact.users_percent is None:
        text = "nobody knows yet how many users are hurt: it counts as more than half until somebody does"
        return Assessment(level="SEV2", reasons=(Statement(text=text),), open_questions=tuple(unknown))
    text = "at most half of the users are hurt: {percent} %" + (", and there is a way round" if impact.workaround else "")
    if impact.workaround is False:
        text += ", and there is no way round"
    return Assessment(
        level="SEV2" if impact.workaround is False else "SEV3", reasons=(Statement(text=text, values=values),),
        open_questions=tuple(unknown), users_percent=impact.users_percent,
    )  # fmt: skip


def refusal_in(answers: Sequence[Outcome], url: str | None) -> Finding | None:
    """The newest answer of the service's own address, when it was that nobody gets one."""
    for outcome in reversed(answers):
        for finding in outcome.findings:
            if url and finding.component == url and finding.code.removeprefix("http_check.") in _NOBODY:
                return finding
    return None


def levels(session: Session) -> dict[str, Level]:
    """The rows of `forms/severity.md`. Raises Broken naming the page when they cannot be read."""
    page = pages(session).get(("form", "severity"))
    try:
        found = [Level.model_validate(row) for row in page.data["levels"]] if page else []
    except (KeyError, TypeError, ValueError) as error:
        raise Broken(f"{page.path if page else 'forms/severity.md'}: its levels cannot be read: {error}", "mend it") from None
    if {item.level for item in found} != {"SEV1", "SEV2", "SEV3", "SEV4"}:
        raise Broken("forms/severity.md must have the levels SEV1 to SEV4", "restore docs/incident_response")
    return {item.level: item for item in found}


def assessments(ledger: Ledger, incident: str) -> list[Entry]:
    """Every assessment of this incident, oldest first."""
    return list(ledger.entries(incident=incident, kind=ENTRY))


def next_update(level: Level, since: datetime) -> datetime:
    """When people must hear again."""
    return since + timedelta(minutes=level.update_min)

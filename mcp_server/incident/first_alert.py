"""The first alert of an incident, as a candidate for when it began."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from mcp_server.core.clock import parse_moment
from mcp_server.core.outcome import Finding, Statement
from mcp_server.incident.record import Incident

BEFORE = timedelta(hours=2)
"""An alert that is older belongs to something that was wrong before."""


def began(alert: Finding) -> datetime | None:
    """When its condition began to hold, where that is known; else when it began to fire."""
    holds = alert.values.get("holds")
    return parse_moment(holds) if isinstance(holds, str) else alert.at


def first_alert(incident: Incident, alerts: Iterable[Finding]) -> Finding | None:
    """The alert whose condition was the first to hold, of those that came shortly before the incident or during it.

    Where alerts name the incident's service in a label, only these count.
    """
    alerts = list(alerts)
    own = [item for item in alerts if incident.service and f"={incident.service}," in f"{item.values.get('labels')},"]
    dated = [(at, alert) for alert in own or alerts if (at := began(alert)) and at >= incident.onset - BEFORE]
    return min(dated, key=lambda pair: pair[0])[1] if dated else None


def onset_by(incident: Incident, alert: Finding | None) -> datetime:
    """When the incident began: as somebody stated it; where nobody did, by the first alert, if that is earlier."""
    at = began(alert) if alert and not incident.stated else None
    return min(incident.onset, at) if at else incident.onset


def told(alert: Finding) -> Statement:
    """It, as a candidate."""
    values = {"alert": alert.values.get("alert"), "since": alert.values.get("holds") or alert.values.get("since")}
    return Statement(text="first alert: {alert}, since {since}", values=values, evidence=alert.evidence)

"""Has this happened before: the same cause at the same component, or the same complaint about the same service, in 90 days?"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

from mcp_server.core.ledger import Ledger
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Statement
from mcp_server.incident.record import Incident, incidents

WITHIN = timedelta(days=90)
_WORD = re.compile(r"[a-z0-9]{2,}")
_COMMON = set(
    re.findall(r"\w+", "the and for with from that this into is are was not has have been when after before on in of to at")
)
_ALIKE = 0.6


class Recurrence(Noun):
    """Earlier incidents that were the same, oldest first."""

    by: Literal["cause", "complaint"]
    earlier: tuple[str, ...]
    cause: str = ""
    component: str = ""

    def told(self) -> Statement:
        """One sentence."""
        count = len(self.earlier) + 1
        text = f"this is the {_ordinal(count)} time in {WITHIN.days} days: "
        if self.by == "complaint":
            text += "the same complaint about the same service, in {earlier}"
        else:
            text += "{cause} of {component}, in {earlier}" if self.component else "{cause}, in {earlier}"
        text += "; a repair that lasts is due" if count > 2 else ""
        values = {"cause": self.cause, "component": self.component, "earlier": ", ".join(self.earlier)}
        return Statement(text=text, values={key: value for key, value in values.items() if value})


def recurrence(ledger: Ledger, incident: Incident, cause: tuple[str, str] | None = None) -> Recurrence | None:
    """By cause, the one given or the one a triage has named, else by the words of the title; None where it is new."""
    others = [
        item for item in incidents(ledger) if item.id != incident.id and timedelta() <= incident.onset - item.onset <= WITHIN
    ]
    if not others:
        return None
    if own := cause or cause_of(ledger, incident):
        earlier = tuple(item.id for item in others if cause_of(ledger, item) == own)
        if earlier:
            return Recurrence(by="cause", earlier=earlier, cause=own[0], component=own[1])
        return None
    alike = tuple(item.id for item in others if item.service == incident.service and _alike(item.title, incident.title))
    return Recurrence(by="complaint", earlier=alike) if alike else None


def cause_of(ledger: Ledger, incident: Incident) -> tuple[str, str] | None:
    """(finding code, component) of the root that the incident's last triage named first; None where it named none."""
    found: tuple[str, str] | None = None
    for entry in ledger.entries(incident=incident.id, kind="outcome"):
        if entry.body["outcome"]["name"] == "triage":
            roots = list(_roots(entry.body["outcome"].get("data")))
            found = roots[0] if roots else None
    return found


def _roots(data: Any) -> Iterator[tuple[str, str]]:
    hypotheses = data.get("diagnosis", {}).get("hypotheses", []) if isinstance(data, dict) else []
    for item in hypotheses:
        yield item["root"]["code"], item["root"].get("component") or ""


def words(text: str) -> set[str]:
    """The telling words of a title."""
    return set(_WORD.findall(text.lower())) - _COMMON


def _alike(one: str, other: str) -> bool:
    """Whether most of the telling words of two titles are the same."""
    first, second = words(one), words(other)
    return bool(first and second) and len(first & second) / len(first | second) >= _ALIKE


def _ordinal(count: int) -> str:
    words = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
    return words.get(count, f"{count}th")

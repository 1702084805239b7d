"""Incidents: opened, noted, closed. The record is the fold of the ledger; nothing is stored twice."""

from collections.abc import Iterator
from typing import Literal

from mcp_server.core.clock import Moment, parse_moment
from mcp_server.core.errors import BadInput
from mcp_server.core.ledger import Ledger
from mcp_server.core.noun import Noun
from mcp_server.core.text import one_line


class Incident(Noun):
    """An incident as its entries tell it."""

    id: str
    title: str
    state: Literal["open", "closed"]
    opened: Moment
    onset: Moment
    target: str
    service: str | None = None
    closed: Moment | None = None


def incidents(ledger: Ledger) -> Iterator[Incident]:
    """Every incident, oldest first."""
    closed = {entry.incident: entry.at for entry in ledger.entries(kind="incident.closed")}
    for entry in ledger.entries(kind="incident.opened"):
        name = f"INC-{entry.seq}"
        ended = closed.get(name)
        yield Incident(
            id=name, title=entry.body["title"], state="closed" if ended else "open", opened=parse_moment(entry.at),
            onset=parse_moment(entry.body["onset"]), target=entry.body["target"], service=entry.body.get("service"),
            closed=parse_moment(ended) if ended else None,
        )  # fmt: skip


def find(ledger: Ledger, name: str) -> Incident:
    """One incident. Raises BadInput naming the open ones."""
    known = list(incidents(ledger))
    for incident in known:
        if incident.id == name:
            return incident
    listing = ", ".join(item.id for item in known if item.state == "open") or "none; call open_incident"
    raise BadInput(f"`incident` is `{one_line(name, 40)}`; open incidents: {listing}")


def current(ledger: Ledger, named: str | None) -> tuple[str | None, str]:
    """The incident a call belongs to, and a remark for its answer.

    A named one must exist. Without a name: the only open one; with several open or none, no incident, and it is said.
    """
    if named is not None:
        incident = find(ledger, named)
        return incident.id, "" if incident.state == "open" else f"{incident.id} is closed; recorded there all the same"
    still_open = [item.id for item in incidents(ledger) if item.state == "open"]
    if len(still_open) == 1:
        return still_open[0], f"recorded under {still_open[0]}, the only open incident"
    if still_open:
        return (
            None,
            f"several incidents are open ({', '.join(still_open[:5])}): name one with `incident`; not recorded under any",
        )
    return None, "asked outside an open incident; call open_incident to keep a record"

"""What questions need, looked for once each: for the preflight report, and when an incident opens."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mcp_server.core.declare import Need
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import BlindSpot
from mcp_server.core.reader import Limits
from mcp_server.engine.places import Place, first_look
from mcp_server.engine.reader import EvidenceReader
from mcp_server.engine.run import unmet
from mcp_server.engine.session import Asking, Session

REACH_S = 1.5
"""Seconds that a daemon or cluster may take for the preflight report; silent, it costs `Limits.first_s` of them."""


def reader_of(session: Session, place: Place, asking: Asking) -> EvidenceReader:
    """A reader that looks for programs and files and runs nothing; at a daemon or cluster, with little patience."""
    limits = session.settings.limits
    look_s = limits.look_s if place.where.kind == "local" else min(limits.look_s, REACH_S)
    return EvidenceReader(
        place, session.ledger, session.redactor, Limits(look_s, limits.output_bytes, asking.cancel),
        asker="preflight", commands=(), deadline=time.monotonic() + limits.call_s, incident=asking.incident,
    )  # fmt: skip


def lacking(session: Session, reader: EvidenceReader, needs: Iterable[Need], asking: Asking) -> Mapping[Need, BlindSpot]:
    """What is not there, in the order of the needs; several are looked for at once."""
    wanted = [need for need in dict.fromkeys(needs) if need.kind != "setting"]
    found: dict[Need, BlindSpot] = {}
    with ThreadPoolExecutor(session.settings.limits.parallel) as pool:
        for count, (need, spot) in enumerate(zip(wanted, pool.map(lambda need: unmet(reader, need), wanted), strict=True), 1):
            asking.progress(count, len(wanted), need.name)
            if spot is not None:
                found[need] = spot
    return found


def reached(reader: EvidenceReader, place: Place) -> tuple[Any, BlindSpot | None]:
    """The first look at a place: its answer, or why it cannot be looked at. A host needs none."""
    call = first_look(place)
    if call is None:
        return None, None
    try:
        return reader.look(call).value, None
    except CouldNotLook as failure:
        return None, BlindSpot(what=failure.what, reason=f"{failure.reason}: {failure.detail}", remedy=failure.remedy)

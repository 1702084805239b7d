"""An incident in a real ledger, told by hand: findings and changes as the rooms would make them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mcp_server.core.change import Change
from mcp_server.core.clock import now, stamp
from mcp_server.core.outcome import BlindSpot, Coverage, Finding, Outcome, Statement, verdict_of
from mcp_server.core.settings import load_settings
from mcp_server.engine.run import record
from mcp_server.engine.session import Session
from mcp_server.incident.record import Incident, open_incident

ONSET = datetime(2026, 11, 20, 10, 21, 7, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment, counted from the onset."""
    return ONSET + timedelta(seconds=seconds)


@contextmanager
def session_in(folder: Path, config: str = "") -> Iterator[Session]:
    """A session with its own state folder."""
    environment = {"VETERAN_STATE_DIR": str(folder / "state"), "HOME": str(folder)}
    if config:
        (folder / "config.toml").write_text(config, encoding="utf8")
        environment["VETERAN_CONFIG"] = str(folder / "config.toml")
    session = Session(load_settings(environment), program="test")
    try:
        yield session
    finally:
        session.close()


def finding(code: str, text: str = "something is wrong", *, clues: tuple[str, ...] = (), **more: Any) -> Finding:
    return Finding(code=code, text=text, clues=clues, evidence=more.pop("evidence", ("E1",)), **more)


def change(text: str, seconds: float, clues: tuple[str, ...] = (), **more: Any) -> Change:
    component, evidence = more.pop("component", "shop"), more.pop("evidence", ("E2",))
    values = more.pop("values", {})
    return Change(
        source=more.pop("source", "git"), kind="commit", at=at(seconds), component=component, clues=clues,
        summary=Statement(text=text, values=values, evidence=evidence), **more,
    )  # fmt: skip


class Story:
    """Writes into the ledger what triage would have written."""

    def __init__(self, session: Session, title: str = "shop answers 502", **more: Any) -> None:
        self.session = session
        given = {"target": "local", "service": None, "onset": at(240), "severity": None} | more
        self.incident: Incident = open_incident(session, title=title, **given)

    def look(self, asker: str, payload: bytes = b"{}", call: dict[str, Any] | None = None) -> str:
        body = {
            "target": "local", "asker": asker, "call": call or {"kind": "host", "sample_s": 0.2}, "started": stamp(now()),
            "took_ms": 1.5,
        }  # fmt: skip
        return f"E{self.session.ledger.append('evidence', body, incident=self.incident.id, blob=payload).seq}"

    def answer(self, name: str, *findings: Finding, blind: tuple[BlindSpot, ...] = (), data: Any = None) -> Outcome:
        evidence = self.look(name)
        cited = tuple(item.model_copy(update={"evidence": (evidence,)}) for item in findings)
        coverage = Coverage(looked=() if blind and not findings else (f"what {name} looks at",), blind=blind)
        call = self.session.began(name, "local", {}, self.incident.id)
        outcome = Outcome(
            name=name, target="local", verdict=verdict_of(cited, coverage), at=now(), incident=self.incident.id,
            findings=cited, coverage=coverage, evidence=(evidence,), data=data,
        )  # fmt: skip
        return record(self.session, outcome, call)

    def changed(self, *changes: Change, blind: tuple[BlindSpot, ...] = ()) -> Outcome:
        return self.answer("what_changed", blind=blind, data={"changes": [item.model_dump(mode="json") for item in changes]})

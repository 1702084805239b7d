"""Pre-execution validation: what is looked up before anyone looks at the system, kept as receipts.

The organisation's rules are read (and their digests kept, so that it can be shown later which version held), the tools are
checked, similar incidents and fitting playbooks are found. Nothing of this stops an incident from being opened.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import BlindSpot, Finding, Outcome
from mcp_server.engine.maintenance import Announced, windows
from mcp_server.engine.places import can_ask, resolve
from mcp_server.engine.readiness import lacking, reached, reader_of
from mcp_server.engine.run import Question, ask
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.changelogs import Changelog, changelogs
from mcp_server.incident.pages import pages
from mcp_server.incident.playbooks import folder, route
from mcp_server.incident.record import Incident, incidents
from mcp_server.incident.recurrence import Recurrence, recurrence, words

FILES, FILE_BYTES = 200, 4_194_304
SIMILAR_WITHIN = timedelta(days=183)


class AuthorityFile(Noun):
    """A policy file that was there when the incident opened."""

    path: str
    sha256: str
    size: int


class Similar(Noun):
    """An earlier incident with words of the title in common."""

    id: str
    title: str
    opened: Moment
    shared: tuple[str, ...]
    summary: str = ""


class Receipts(Noun):
    """What was found before the first look."""

    authority: tuple[AuthorityFile, ...] = ()
    authority_blind: tuple[BlindSpot, ...] = ()
    units_ready: int = 0
    lacking: tuple[BlindSpot, ...] = ()
    similar: tuple[Similar, ...] = ()
    playbooks: dict[str, str] = {}
    conflicts: tuple[Finding, ...] = ()
    conflicts_verdict: str = ""
    """Of `policy_conflicts`; empty: there was nothing to compare."""
    maintenance: tuple[Announced, ...] = ()
    changelogs: tuple[Changelog, ...] = ()
    recurs: Recurrence | None = None


def validate(session: Session, incident: Incident, asking: Asking) -> Receipts:
    """Look everything up and keep the receipts under the incident."""
    authority, blind = authority_files(session.settings.authority.paths)
    ready, lacking = preflight(session, incident, asking)
    compared = policy_conflicts(session, asking)
    receipts = Receipts(
        authority=authority, authority_blind=blind, units_ready=ready, lacking=lacking,
        similar=tuple(similar(session, incident))[:5],
        playbooks={kind: item.name for kind, item in route(pages(session), incident.title).items()},
        conflicts=compared.findings[:20] if compared else (), conflicts_verdict=compared.verdict if compared else "",
        maintenance=windows(session.settings.maintenance, incident.service, incident.onset), changelogs=changelogs(session),
        recurs=recurrence(session.ledger, incident),
    )  # fmt: skip
    body = session.redactor.data(receipts.model_dump(mode="json"))
    session.ledger.append("incident.validated", body, incident=incident.id)
    return receipts


def rules_paths(session: Session) -> tuple[str, ...]:
    """The paths of the organisation's rules that are there, absolute; the shipped pages are playbooks and no rules."""
    ours = folder().resolve()
    paths = [Path.cwd() / name for name in session.settings.authority.paths]
    return tuple(str(path) for path in paths if path.exists() and not path.resolve().is_relative_to(ours))[:20]


def policy_conflicts(session: Session, asking: Asking) -> Outcome | None:
    """Contradictions among the organisation's rules; None where there are none to compare."""
    paths = rules_paths(session)
    return ask(session, Question.of(session, "policy_conflicts", {"paths": list(paths)}), "local", asking) if paths else None


def receipts_of(session: Session, incident: Incident) -> Receipts | None:
    """The receipts kept when the incident opened."""
    kept = list(session.ledger.entries(incident=incident.id, kind="incident.validated"))
    return Receipts.model_validate(kept[-1].body) if kept else None


def authority_files(paths: tuple[str, ...], top: Path | None = None) -> tuple[tuple[AuthorityFile, ...], tuple[BlindSpot, ...]]:
    """The organisation's own rules, most authoritative first, relative to the current folder; bounded in number and size."""
    found: list[AuthorityFile] = []
    blind: list[BlindSpot] = []
    for name in paths:
        for path in _files(Path(top or Path.cwd(), name)):
            if len(found) == FILES:
                blind.append(BlindSpot(what=name, reason=f"more than {FILES} files", remedy="name fewer in authority.paths"))
                return tuple(found), tuple(blind)
            try:
                found.append(_digest(path))
            except OSError as error:
                blind.append(BlindSpot(what=str(path), reason=str(error.strerror or error), remedy="make it readable"))
    return tuple(found), tuple(blind)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(item for item in path.rglob("*") if item.is_file())
    elif path.exists():
        yield path


def _digest(path: Path) -> AuthorityFile:
    """Raises OSError for what is no plain file of a sane size: a pipe would hang, a huge file would stall the opening."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError("not a regular file")
        if found.st_size > FILE_BYTES:
            raise OSError(f"larger than {FILE_BYTES:,} bytes")
        data = file.read(FILE_BYTES + 1)
    return AuthorityFile(path=str(path), sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def preflight(session: Session, incident: Incident, asking: Asking) -> tuple[int, tuple[BlindSpot, ...]]:
    """How many questions have all they need on the incident's target, and what the others lack; each need looked for once."""
    asking = replace(asking, incident=incident.id)
    place = resolve(incident.target, session.settings.read)
    reader = reader_of(session, place, asking)
    units = [unit for unit in session.catalog.diagnostics.values() if can_ask(unit.spec.places, place)]
    _, silent = reached(reader, place)
    if silent:
        return 0, (silent,)
    missing = lacking(session, reader, (need for unit in units for need in unit.spec.needs), asking)
    return sum(missing.keys().isdisjoint(unit.spec.needs) for unit in units), tuple(missing.values())


def similar(session: Session, incident: Incident) -> Iterator[Similar]:
    """Earlier incidents of the last six months that share words of the title, most words first."""
    own = words(incident.title)
    scored = []
    for other in incidents(session.ledger):
        shared = own & words(other.title)
        if other.id != incident.id and shared and incident.opened - other.opened <= SIMILAR_WITHIN:
            scored.append((len(shared), other.opened, other, shared))
    for _, _, other, shared in sorted(scored, key=lambda item: item[:2], reverse=True):
        yield Similar(
            id=other.id, title=other.title, opened=other.opened, shared=tuple(sorted(shared)), summary=other.summary[:300]
        )

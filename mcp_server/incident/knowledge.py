"""What is known, gathered for searching: playbooks, incidents, the team's own pages, commit messages, known troubles.

Everything is redacted before it goes into the index. Only what changed since the last time is read again.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import BlindSpot
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.engine.places import resolve
from mcp_server.engine.reader import EvidenceReader
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.knowledge_index import Document, Index, Source
from mcp_server.incident.pages import pages
from mcp_server.incident.playbooks import Playbook, folder
from mcp_server.incident.record import Incident, incidents

FILES, FILE_BYTES = 20_000, 1_048_576
_PAGES = (".md", ".rst", ".txt")
_HEADING = re.compile(r"^#\s+(.+)$|^(.+)\n[=]{3,}$", re.MULTILINE)
_COMMIT = "%H%x1f%ct%x1f%s%x1f%b%x1e"


def refreshed(session: Session, asking: Asking) -> tuple[Index, tuple[BlindSpot, ...]]:
    """The index with everything that is known now, and what could not be read. The caller closes it."""
    index = Index(Path(session.settings.state_dir, "knowledge.sqlite3"))
    blind: list[BlindSpot] = []
    sources: Sequence[tuple[Source, Iterable[Document]]] = (
        ("playbook", map(playbook_document, pages(session).values())),
        ("trouble", _troubles(index.states("trouble"))),
        ("incident", _incidents(session)),
        ("runbook", _pages(session, index.states("runbook"), blind)),
        ("commit", _commits(session, index.states("commit"), blind, asking)),
    )
    for number, (source, documents) in enumerate(sources, 1):
        known = index.states(source)
        seen: dict[str, None] = {}
        index.update(source, _changed(session, documents, known, seen))
        index.update(source, (), known.keys() - seen.keys())
        asking.progress(number, len(sources), f"{source}s read")
    return index, tuple(blind)


def _changed(
    session: Session, documents: Iterable[Document], known: dict[str, str], seen: dict[str, None]
) -> Iterator[Document]:
    """Those that are new or not what they were, redacted. One without a body is only said to be still there."""
    for document in documents:
        seen.setdefault(document.name)
        if known.get(document.name) != document.state:
            yield Document.model_validate(session.redactor.data(document.model_dump(mode="json")))


def playbook_document(playbook: Playbook) -> Document:
    """A playbook as it wants to be found."""
    route = playbook.route
    return Document(
        source="playbook", name=playbook.name, where=f"{playbook.kind}s/{Path(playbook.path).name}",
        title=_title(playbook.body), keys=(*route.words, *route.symptoms), about=route.about, summary=playbook.summary,
        body=playbook.body, state=_digest(playbook.model_dump_json()),
    )  # fmt: skip


def _troubles(known: dict[str, str]) -> Iterator[Document]:
    """The shipped troubles; parsing them takes a third of a second, so only where their files changed."""
    from mcp_server.logs import troubles

    folder = Path(troubles.__file__).with_name("patterns")
    state = _digest(" ".join(f"{path.name} {path.stat().st_mtime_ns}" for path in sorted(folder.glob("*.yaml"))))
    if known and set(known.values()) == {state}:
        yield from (Document(source="trouble", name=name, title="", state=state) for name in known)
        return
    for trouble in troubles.load().troubles:
        yield Document(
            source="trouble", name=trouble.id, where="reference/patterns.md", title=trouble.title, summary=trouble.meaning,
            body="\n".join((*trouble.causes, *trouble.samples)), state=state,
        )  # fmt: skip


def _incidents(session: Session) -> Iterator[Document]:
    for incident in incidents(session.ledger):
        yield incident_document(incident)


def incident_document(incident: Incident) -> Document:
    """An incident by its title, notes and closing summary."""
    notes = "\n".join(note.text for note in incident.notes)
    about = f"{incident.service or ''} {incident.severity or ''} {incident.state}"
    return Document(
        source="incident", name=incident.id, where=f"incident {incident.id}", title=incident.title, summary=incident.summary,
        body=f"{about}\n{notes}", state=_digest(f"{incident.title}{incident.summary}{about}{notes}"),
    )  # fmt: skip


def _pages(session: Session, known: dict[str, str], blind: list[BlindSpot]) -> Iterator[Document]:
    """The team's own pages: those of the settings, and the authority files in the current folder."""
    count = 0
    tops = [Path(name) for name in session.settings.knowledge.paths]
    tops += [Path.cwd() / name for name in session.settings.authority.paths]
    ours = folder()  # its pages are playbooks and reference, not the team's
    for top in dict.fromkeys(tops):
        if not top.exists():
            if str(top) in session.settings.knowledge.paths:
                blind.append(BlindSpot(what=str(top), reason="missing", remedy="correct knowledge.paths in the settings"))
            continue
        for path in _files_below(top):
            if path.resolve().is_relative_to(ours):
                continue
            count += 1
            if count > FILES:
                blind.append(BlindSpot(what=str(top), reason=f"more than {FILES:,} pages", remedy="name fewer folders"))
                return
            try:
                found = path.stat()
                state = f"{found.st_size} {found.st_mtime_ns}"
                if known.get(str(path)) == state:
                    yield Document(source="runbook", name=str(path), title="", state=state)
                    continue
                with path.open("rb") as file:
                    text = file.read(FILE_BYTES).decode("utf8", "replace")
            except OSError as error:
                blind.append(BlindSpot(what=str(path), reason=str(error.strerror or error), remedy="make it readable"))
                continue
            yield Document(
                source="runbook", name=str(path), where=str(path), title=_title(text) or path.stem, body=text, state=state
            )


def _files_below(top: Path) -> Iterator[Path]:
    if top.is_file():
        yield top
        return
    for place, names, files in os.walk(top):
        names[:] = sorted(name for name in names if not name.startswith(".") and name != "node_modules")
        yield from (Path(place, name) for name in sorted(files) if name.endswith(_PAGES))


def _commits(session: Session, known: dict[str, str], blind: list[BlindSpot], asking: Asking) -> Iterator[Document]:
    """The newest commits of every declared checkout, read again only where its head moved."""
    limits = session.settings.limits
    place = resolve("local", session.settings.read)
    roots = dict.fromkeys(service.root for service in session.settings.services.values() if service.root)
    for root in roots if session.settings.knowledge.commits else ():
        reader = EvidenceReader(
            place, session.ledger, session.redactor, Limits(limits.look_s, limits.output_bytes, asking.cancel),
            asker="search_knowledge", commands=("git",), deadline=time.monotonic() + limits.call_s, incident=asking.incident,
        )  # fmt: skip
        try:
            head = reader.run(["git", "-C", root, "rev-parse", "HEAD"]).value
            mine = [name for name in known if name.endswith(f" {root}")]
            if head.exit == 0 and mine and known[mine[0]] == head.out.strip():
                yield from (Document(source="commit", name=name, title="", state=known[name]) for name in mine)
                continue
            count = str(session.settings.knowledge.commits)
            told = reader.run(["git", "-C", root, "log", "-n", count, "--no-merges", f"--format={_COMMIT}"]).value
        except CouldNotLook as failure:
            blind.append(BlindSpot(what=f"commits of {root}", reason=failure.sentence(), remedy=failure.remedy))
            continue
        if head.exit or told.exit:
            reason = one_line((head.err or told.err).strip() or f"git ended with {head.exit or told.exit}")
            blind.append(BlindSpot(what=f"commits of {root}", reason=reason, remedy="correct root in the settings"))
            continue
        if told.cut:
            blind.append(BlindSpot(what=f"older commits of {root}", reason=told.cut, remedy="raise limits.output_bytes"))
        yield from _commit_documents(told.out, root, head.out.strip())


def _commit_documents(text: str, root: str, head: str) -> Iterator[Document]:
    for record in text.split("\x1e"):
        sha, *fields = record.strip("\n").split("\x1f")
        if len(fields) == 3:
            _, subject, body = fields
            yield Document(
                source="commit", name=f"{sha[:12]} {root}", where=root, title=subject, body=body, summary="", state=head,
            )  # fmt: skip


def named_services(session: Session, text: str) -> tuple[str, ...]:
    """Declared services that a text speaks of, by name or nickname."""
    return tuple(
        name
        for name, service in session.settings.services.items()
        if any(_says(text, word) for word in (name, *service.nicknames))
    )


def _says(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None


def _title(text: str) -> str:
    match = _HEADING.search(text[:20_000])
    return (match[1] or match[2]).strip() if match else ""


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf8", "replace"), digest_size=12).hexdigest()

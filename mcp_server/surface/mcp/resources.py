"""Resources: evidence, answers, reports and playbooks, by address. Text from outside stands behind bars here too."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import mcp_types as types
from mcp.shared.exceptions import MCPError

from mcp_server.core.errors import VeteranError
from mcp_server.core.text import bytes_text, one_line, visible
from mcp_server.engine.session import Session
from mcp_server.incident.playbooks import folder
from mcp_server.surface.answers import refusal
from mcp_server.surface.stored import outcome_of, stored, stored_text, title_of

PAGE = 50
TEXT_CHARS = 500_000
"""More of one resource is not sent at once; read_evidence pages through all of it."""

_TEMPLATES = (
    ("evidence://{id}", "evidence", "What one look saw, behind bars (E17)", "text/plain"),
    ("outcome://{id}", "outcome", "One answer as data (R12)", "application/json"),
    ("report://{incident}", "report", "The report of an incident (INC-3)", "text/markdown"),
    ("playbook://{name}", "playbook", "A procedure for incidents", "text/markdown"),
)


class Resources:
    """Serves `resources/*`; reading never blocks the loop."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reports = Path(session.settings.state_dir, "reports")

    async def templates(self, ctx: Any, params: Any) -> types.ListResourceTemplatesResult:
        """The four kinds of address."""
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(uri_template=uri, name=name, description=text, mime_type=mime)
                for uri, name, text, mime in _TEMPLATES
            ]
        )

    async def list(self, ctx: Any, params: Any) -> types.ListResourcesResult:
        """Reports and playbooks first, then the record from the newest entry back, page by page."""
        cursor = getattr(params, "cursor", None)
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 13):
            raise MCPError(types.INVALID_PARAMS, f"`cursor` is `{one_line(cursor, 40)}`; use one that resources/list gave")
        return await anyio.to_thread.run_sync(self._page, int(cursor) if cursor else None)

    def _page(self, before: int | None) -> types.ListResourcesResult:
        page = [] if before is not None else [*self._documents()]
        newest = self._session.ledger.head()[0] + 1
        for entry in self._session.ledger.newest(("evidence", "outcome"), before=before or newest, limit=PAGE):
            if entry.kind == "outcome":
                body = entry.body["outcome"]
                title = f"{str(body['verdict']).upper()} {body['name']} {one_line(body['target'], 60)} {entry.at}"
                page.append(_resource(f"outcome://R{entry.seq}", f"R{entry.seq}", title, "application/json"))
            else:
                title = f"{one_line(title_of(entry), 90)} {entry.at}"
                page.append(_resource(f"evidence://E{entry.seq}", f"E{entry.seq}", title, "text/plain"))
            before = entry.seq
        more = before is not None and any(self._session.ledger.newest(("evidence", "outcome"), before=before, limit=1))
        return types.ListResourcesResult(resources=page, next_cursor=str(before) if more else None)

    def _documents(self) -> Iterator[types.Resource]:
        for path in sorted(self._reports.glob("*.md")):
            yield _resource(f"report://{path.stem}", path.stem, f"Report of {path.stem}", "text/markdown")
        for name, path in _playbooks().items():
            yield _resource(f"playbook://{name}", name, _first_heading(path), "text/markdown")

    async def read(self, ctx: Any, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        """One resource. An address that does not exist is answered with what would be valid."""
        try:
            mime, text = await anyio.to_thread.run_sync(self._read, str(params.uri))
        except VeteranError as error:
            sentence = refusal(error, self._session.redactor)
            raise MCPError(types.INVALID_PARAMS, sentence, {"uri": one_line(params.uri, 200)}) from None
        if len(text) > TEXT_CHARS and mime != "application/json":
            text = text[:TEXT_CHARS] + f"\n… cut: {TEXT_CHARS:,} of {len(text):,} characters; read_evidence pages through all"
        content = types.TextResourceContents(uri=params.uri, mime_type=mime, text=text)
        return types.ReadResourceResult(contents=[content])

    def _read(self, uri: str) -> tuple[str, str]:
        scheme, _, name = uri.partition("://")
        if scheme == "evidence":
            return "text/plain", self._evidence(name)
        if scheme == "outcome":
            return "application/json", self._outcome(name)
        documents = {"report": self._report_files, "playbook": _playbooks}.get(scheme)
        if documents is None:
            raise VeteranError(f"no resource {one_line(uri, 200)}", f"valid: {', '.join(row[0] for row in _TEMPLATES)}")
        files = documents()
        if name not in files:
            raise VeteranError(f"no {scheme} `{one_line(name, 80)}`", f"there are: {', '.join(files) or 'none'}")
        return "text/markdown", files[name].read_text(encoding="utf8", errors="replace")

    def _report_files(self) -> dict[str, Path]:
        return {path.stem: path for path in sorted(self._reports.glob("*.md"))}

    def _evidence(self, name: str) -> str:
        entry = stored(self._session.ledger, name, "E")
        body, text = entry.body, stored_text(self._session.ledger, entry)
        head = [
            f"E{entry.seq}: {one_line(title_of(entry), 300)} on {one_line(body['target'], 100)}, asked by {body['asker']}",
            f"at {body['started']}, took {body['took_ms']} ms, sha256 {body.get('sha256', 'none')}, {bytes_text(len(text))}",
        ]
        if failure := body.get("failure"):
            head.append(f"the look failed: {failure['reason']}: {one_line(failure['detail'], 300)}")
        return "\n".join([*head, *(f"│ {line}" for line in visible(text).splitlines())])

    def _outcome(self, name: str) -> str:
        data = outcome_of(stored(self._session.ledger, name, "R")).model_dump(mode="json", exclude_defaults=True)
        text = json.dumps(data, indent=1, ensure_ascii=False)
        if len(text) > TEXT_CHARS:  # half a JSON text is none: the facts are the large part, and evidence holds them
            data["data"] = f"left out: {len(text):,} characters in all; the evidence ids hold what was seen"
            text = json.dumps(data, indent=1, ensure_ascii=False)
        return text


def _playbooks() -> dict[str, Path]:
    """Every procedure by its path without the ending, such as `flows/triage`; only these names can be read."""
    return {
        path.relative_to(folder()).with_suffix("").as_posix(): path
        for path in sorted(folder().rglob("*.md"))
        if path.is_file() and not path.is_symlink()
    }


def _first_heading(path: Path) -> str:
    with path.open(encoding="utf8", errors="replace") as file:
        for line in file:
            if line.startswith("# "):
                return one_line(line[2:].strip(), 120)
    return path.stem


def _resource(uri: str, name: str, title: str, mime: str) -> types.Resource:
    return types.Resource(uri=uri, name=name, title=title, mime_type=mime)

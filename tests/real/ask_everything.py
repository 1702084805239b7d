"""Asks every diagnostic and every source of change about a service, in one process. Started by tests, under a recorder.

usage: ask_everything.py SETTINGS_JSON LOCK   where LOCK is `locked` or `open`
"""

import json
import sys

from mcp_server.core.errors import BadInput
from mcp_server.core.settings import load_settings
from mcp_server.engine.lock import lock_writes
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.tools import inventory


def main() -> None:
    known, lock = json.loads(sys.argv[1]), sys.argv[2]
    settings = load_settings()
    session = Session(settings, program="test")
    if lock == "locked":
        lock_writes([settings.state_dir], settings.read)
    tools = inventory(session.catalog)
    verdicts = {}

    def ask(name, arguments):
        outcome = tools[name].call(session, arguments, Asking())
        verdicts.setdefault(name, []).append(outcome.verdict)
        sources = [part.name for part in outcome.parts]
        verdicts.setdefault(name + " parts", []).extend(sources)

    ask("open_incident", {"title": "shop answers 502", "service": "shop"})
    for name, unit in session.catalog.diagnostics.items():
        own = {field: known[field] for field in unit.params.model_fields if field in known}
        for arguments in (own, *unit.spec.examples):
            try:
                ask(name, dict(arguments))
            except BadInput as error:
                verdicts.setdefault(name, []).append(f"refused: {error}")
    for name in ("triage", "what_changed", "dependency_map", "preflight"):
        ask(name, {})
    session.close()
    print(json.dumps(verdicts))


main()

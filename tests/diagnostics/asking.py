"""Asking a diagnostic about this host, as every door does: session, reader, ledger and all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine.run import Question, ask
from mcp_server.engine.session import Asking, Session

Ask = Callable[..., Outcome]


@contextmanager
def asking(folder: Path, **environment: str) -> Iterator[Ask]:
    """`ask(name, **params)` with a state folder of its own; `environment` sets further settings."""
    names = {"HOME": str(folder), "VETERAN_STATE_DIR": str(folder / "state")} | environment
    session = Session(load_settings(names), program="test")

    def put(name: str, target: str = "local", **params: Any) -> Outcome:
        return ask(session, Question.of(session, name, params), target, Asking())

    try:
        yield put
    finally:
        session.close()


def codes(outcome: Outcome) -> list[str]:
    """Finding codes without the diagnostic's name."""
    return [finding.code.split(".", 1)[1] for finding in outcome.findings]

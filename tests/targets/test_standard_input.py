"""What is piped into a script is a log like any other: bounded, kept for every look, refused where there is none."""

import os
import pty
from pathlib import Path
from threading import Event

import pytest

from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.outcome import Outcome
from mcp_server.core.reader import Limits
from mcp_server.engine.run import Question, ask
from mcp_server.engine.session import Asking
from mcp_server.surface.render import render
from mcp_server.targets.standard_input import StandardInput
from tests.incident.story import session_in

LINES = b"2026-11-20 10:31:07 ERROR a thing\n2026-11-20 10:31:08 INFO fine\n"


def piped(data: bytes, *, most: int = 1_000_000, ended: bool = True) -> StandardInput:
    handle, other = os.pipe()
    os.write(other, data)
    if ended:
        os.close(other)
    return StandardInput(handle, most)


def asked(folder: Path, name: str, given: StandardInput | None, **params: object) -> Outcome:
    with session_in(folder) as session:
        return ask(session, Question.of(session, name, params), "local", Asking(standard_input=given))


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("log_search", {"sources": "-", "patterns": ["thing"]}),
        ("log_tail", {"path": "-"}),
        ("log_summary", {"sources": ["-"]}),
        ("log_merge", {"sources": ["-"]}),
        ("log_patterns", {"sources": ["-"]}),
    ],
)  # fmt: skip
def test_it_is_read_as_a_log_named_by_a_dash(tmp_path: Path, name: str, params: dict[str, object]) -> None:
    outcome = asked(tmp_path, name, piped(LINES), **params)
    assert outcome.verdict in ("ok", "finding")
    assert "ERROR a thing" in render(outcome)


def test_where_there_is_none_it_is_refused_with_a_sentence(tmp_path: Path) -> None:
    outcome = asked(tmp_path, "log_search", None, sources="-", patterns=["thing"])
    assert outcome.verdict == "unknown"
    assert "no standard input: only a script has one" in render(outcome)


def test_more_than_fits_is_said(tmp_path: Path) -> None:
    outcome = asked(tmp_path, "log_search", piped(LINES, most=40), sources="-", patterns=["fine"])
    assert outcome.verdict == "unknown"
    assert "only its first 40 B were read" in render(outcome)


def test_a_pipe_that_does_not_end_is_read_as_far_as_it_came() -> None:
    given = piped(LINES, ended=False)
    assert given.read(Limits(timeout_s=0.3)) == LINES
    assert "came within" in given.cut
    assert given.read(Limits(timeout_s=0.3)) == LINES, "kept for the next look"


def test_cancelled() -> None:
    gone = Event()
    gone.set()
    with pytest.raises(Cancelled):
        piped(b"", ended=False).read(Limits(cancel=gone))


def test_a_terminal_and_a_closed_handle_are_no_log() -> None:
    _, terminal = pty.openpty()
    with pytest.raises(CouldNotLook, match="standard input is a terminal"):
        StandardInput(terminal).read(Limits())
    os.close(terminal)
    with pytest.raises(CouldNotLook, match="Bad file descriptor"):
        StandardInput(terminal).read(Limits())

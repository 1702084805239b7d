"""One clock for all sources: order, doubles, bursts, bounds, and when the answer may say ok."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from mcp_server.core.address import LOCAL
from mcp_server.core.calls import Found, Which
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import now, parse_moment, stamp
from mcp_server.core.declare import ChangeSource, ChangeUnit, Scope
from mcp_server.core.errors import BadInput, Broken, Cancelled, CouldNotLook
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.core.reader import Reader
from mcp_server.core.settings import ServiceSettings, load_settings
from mcp_server.engine import what_changed as module
from mcp_server.engine.catalog import Catalog
from mcp_server.engine.folding import BURST, bursts, merge
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.what_changed import order, scope_of, what_changed
from mcp_server.surface.render import render

ONSET = parse_moment("2026-11-20T10:00:00Z")


def change(source: str, seconds: float, *, doubt_ms: int = 0, kind: str = "edit", path: str = "/a", **more: Any) -> Change:
    at = ONSET + timedelta(seconds=seconds)
    summary = Statement(text="{path} changed", values={"path": path}, evidence=more.pop("evidence", ("E1",)), at=at)
    given = {"source": source, "kind": kind, "at": at, "doubt_ms": doubt_ms, "component": path, "clues": (f"path:{path}",)}
    return Change.model_validate(given | {"summary": summary} | more)


class Place:
    """Answers one question only: is a program installed?"""

    address = "local"
    where = LOCAL

    def now(self) -> datetime:
        return now()

    def look(self, call: Any, limits: Any) -> Any:
        if isinstance(call, Which):
            return Found(path=f"/bin/{call.program}")
        raise CouldNotLook(call.title(), "missing", "nothing here")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(module, "resolve", lambda address, policy: Place())
    made = Session(load_settings({"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}), program="test")
    yield made
    made.close()


def ask(session: Session, sources: Mapping[str, Any], *, limit: int = 40, asking: Asking | None = None) -> Outcome:
    """Ask these sources, each a function `collect`, instead of the catalog's."""
    units = {name: ChangeUnit(name=name, spec=ChangeSource(question="?"), collect=run) for name, run in sources.items()}
    session.catalog = Catalog(session.catalog.diagnostics, MappingProxyType(units))
    window = Window(since=ONSET - timedelta(hours=1), until=ONSET + timedelta(hours=1))
    return what_changed(session, "local", window, Scope(), ONSET, asking or Asking(), limit=limit)


def tells(*changes: Change) -> Any:
    def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
        seen = reader.look(Which(program="x"))
        for item in changes:
            yield item.model_copy(
                update={"summary": item.summary.model_copy(update={"evidence": (seen.evidence,)}), "source": "s"}
            )

    return collect


def fails(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    yield from tells(change("s", -5))(reader, window, scope)
    raise CouldNotLook("/var/log/x", "denied", "permission denied", "run as root")


def breaks(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    yield from ()
    raise ZeroDivisionError("oops")


def looks_at_nothing(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    yield from ()


def test_nearest_to_the_onset_first_then_what_came_after_then_the_future() -> None:
    future = change("git", 10 * 365 * 86_400, path="/future")
    given = [change("s", -900), change("s", 5), change("s", -3), future, change("s", 60), change("s", -30)]
    ordered = order(given, ONSET, ONSET + timedelta(hours=1))
    assert [(item.at - ONSET).total_seconds() for item in ordered[:5]] == [-3, -30, -900, 5, 60]
    assert ordered[-1] is future


def test_a_change_that_may_have_come_before_is_not_called_later() -> None:
    doubtful, later = change("s", 5, doubt_ms=10_000), change("s", 2)
    assert order([later, doubtful], ONSET, ONSET + timedelta(hours=1)) == [doubtful, later]


def test_a_file_written_by_a_checkout_is_its_commit_and_a_later_edit_is_not() -> None:
    commit = change("git", -60, kind="commit", path="/srv/shop", clues=("path:/srv/shop/app.py",), evidence=("E1",))
    written = change("files", -62, path="/srv/shop/app.py", evidence=("E2",), clues=("path:/srv/shop/app.py", "port:80"))
    by_hand = change("files", -20, path="/srv/shop/app.py", evidence=("E2",))
    folded, kept = merge([commit, written, by_hand, by_hand])
    assert folded.summary.evidence == ("E1", "E2")
    assert folded.clues == ("path:/srv/shop/app.py",), "ports that the file always held say nothing about the commit"
    assert kept == by_hand


def test_a_file_that_a_source_of_its_own_kind_knows_is_told_once() -> None:
    edit = change("systemd", -60, path="shop.service", clues=("path:/etc/systemd/system/shop.service", "unit:shop.service"))
    seen = change("files", -60, path="/etc/systemd/system/shop.service", evidence=("E2",))
    later = change("files", -50, path="/etc/systemd/system/shop.service", evidence=("E2",))
    folded, kept = merge([seen, later, edit])[::-1]
    assert (folded.source, folded.summary.evidence) == ("systemd", ("E1", "E2"))
    assert kept == later


def test_one_boot_is_one_change_whoever_saw_it() -> None:
    seen = change("processes", -100, kind="boot", path="web1", evidence=("E2",))
    noted = change("boots", -101, kind="boot", path="host")
    earlier = change("boots", -900, kind="boot", path="host")
    told = merge([seen, noted, earlier])
    assert [(item.source, item.summary.evidence) for item in told] == [("boots", ("E1", "E2")), ("boots", ("E1",))]


def test_a_process_that_its_unit_started_is_that_start_and_lends_it_its_port() -> None:
    start = change("systemd", -60, kind="restart", path="shop.service", clues=("unit:shop.service",))
    process = change("processes", -55, kind="start", path="gunicorn", clues=("pid:7", "port:8000", "unit:shop.service"))
    later = change("processes", 300, kind="start", path="gunicorn", clues=("pid:9", "unit:shop.service"))
    folded, kept = merge([start, process.model_copy(update={"reference": "7"}), later])
    assert folded.clues == ("unit:shop.service", "pid:7", "port:8000")
    assert kept == later


def test_a_long_row_is_told_as_one_and_loses_no_clue() -> None:
    row = [change("packages", -100 + i, kind="upgrade", path=f"p{i}", clues=(f"package:p{i}",)) for i in range(BURST)]
    alone = change("packages", -10, kind="upgrade", path="late")
    burst, kept = sorted(bursts([*row, alone]), key=lambda item: item.at)
    assert kept == alone
    assert burst.summary.values["count"] == BURST
    assert burst.clues == tuple(f"package:p{i}" for i in range(BURST))
    assert burst.doubt_ms == (BURST - 1) * 1_000
    assert "p3" in burst.summary.quotes[0]
    assert len(bursts(row[:-1])) == BURST - 1
    commits = [item.model_copy(update={"source": "git"}) for item in row]
    assert len(bursts(commits)) == BURST


def test_ok_with_changes_and_ok_without(session: Session) -> None:
    outcome = ask(session, {"one": tells(change("s", -5), change("s", 9)), "two": tells()})
    assert outcome.verdict == "ok"
    assert not outcome.findings
    first, second = outcome.statements
    assert not first.text.startswith("after")
    assert second.text.startswith("after the onset, so not its cause: ")
    assert set(first.evidence) <= set(outcome.evidence)
    assert isinstance(outcome.data, dict)
    assert [Change.model_validate(item).at for item in outcome.data["changes"]] == [  # type: ignore[union-attr]
        ONSET - timedelta(seconds=5), ONSET + timedelta(seconds=9),
    ]  # fmt: skip
    assert outcome.data["onset"] == stamp(ONSET)
    quiet = ask(session, {"one": tells(), "two": tells()})
    assert quiet.verdict == "ok"
    assert quiet.statements[0].text.startswith("no change seen between")


@pytest.mark.parametrize(
    ("source", "words"), [(fails, "run as root"), (breaks, "defect in this source"), (looks_at_nothing, "looked at nothing")]
)
def test_one_blind_source_makes_it_unknown(session: Session, source: Any, words: str) -> None:
    outcome = ask(session, {"good": tells(), "bad": source})
    assert outcome.verdict == "unknown"
    assert words in render(outcome)
    assert "no change seen" not in render(outcome)


def test_what_a_source_told_before_it_failed_is_kept(session: Session) -> None:
    assert len(ask(session, {"bad": fails}).data["changes"]) == 1  # type: ignore[index, arg-type, call-overload]


def test_more_changes_than_the_limit_are_counted_with_the_way_to_get_them(session: Session) -> None:
    many = [change("s", -60 * (i + 1), path=f"/f{i}") for i in range(30)]
    outcome = ask(session, {"one": tells(*many)}, limit=10)
    assert len(outcome.statements) == 10
    assert outcome.coverage.cut[0].what == "20 of 30 changes are not listed"
    assert "limit=30" in outcome.coverage.cut[0].remedy
    assert outcome.verdict == "ok"
    assert isinstance(outcome.data, dict)
    assert len(outcome.data["changes"]) == 30  # type: ignore[arg-type]


def test_a_future_change_is_shown_as_such(session: Session) -> None:
    far = change("s", 0).model_copy(update={"at": now() + timedelta(days=400)})
    outcome = ask(session, {"one": tells(far, change("s", -5))})
    assert outcome.statements[-1].text.startswith("dated in the future")


def test_it_is_in_the_ledger(session: Session) -> None:
    outcome = ask(session, {"one": tells(change("s", -5))})
    assert outcome.id
    entry = session.ledger.entry(int(outcome.id[1:]))
    assert entry.kind == "outcome"
    assert session.ledger.entry(entry.body["call"]).body["name"] == "what_changed"
    assert session.ledger.verify().intact


def test_a_caller_who_went_away_gets_no_answer(session: Session) -> None:
    asking = Asking()
    asking.cancel.set()
    with pytest.raises(Cancelled):
        ask(session, {"one": tells()}, asking=asking)


def test_scope_of_a_declared_service() -> None:
    service = ServiceSettings(root="/srv/shop/", folders=("/etc/shop",), nginx="/etc/nginx/sites-enabled/shop", python="/v")
    scope = scope_of(service, "shop", ["/srv/shop", "/opt"], [])
    assert scope == Scope(
        folders=("/srv/shop", "/etc/shop", "/etc/nginx/sites-enabled", "/opt"), pythons=("/v",), service="shop"
    )
    assert scope_of(None, None, [], []) == Scope()


def test_an_unknown_target_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    window = Window(since=ONSET - timedelta(hours=1), until=ONSET)
    with pytest.raises(BadInput, match="`target` is `mars`"):
        what_changed(session, "mars", window, Scope(), None, Asking())


@pytest.mark.real
def test_the_journal_named_in_the_settings_is_the_one_that_is_read(tmp_path: Path) -> None:
    from mcp_server.core.unit_events import STARTED
    from tests.journal_files import entry, write

    end = now()
    folder = write(tmp_path / "journal", [
        entry(end - timedelta(hours=9), "before"),
        entry(end - timedelta(minutes=9), "Started", _PID=1, MESSAGE_ID=STARTED, UNIT="shop.service"),
    ])  # fmt: skip
    named = {"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path), "VETERAN_LOGS_JOURNAL": str(folder)}
    session = Session(load_settings(named), program="test")
    window = Window(since=end - timedelta(hours=2), until=end)
    outcome = what_changed(session, "local", window, Scope(), None, Asking(), limit=200)
    session.close()
    assert "unit shop.service was started" in [item.told(str) for item in outcome.statements]
    assert f"journal in {folder}" in outcome.coverage.looked


def test_a_relative_folder_of_journals_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Broken, match=r"logs\.journal.*an absolute path"):
        load_settings({"HOME": str(tmp_path), "VETERAN_LOGS_JOURNAL": "journal"})

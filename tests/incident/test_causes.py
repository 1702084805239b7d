"""Six causes of a 502 as the real finding types tell them, and the answers when nothing explains it."""

from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.core.outcome import BlindSpot
from mcp_server.engine.ranking_clues import shared_clues
from mcp_server.engine.session import Session
from mcp_server.incident.answers import answers, past_causes
from mcp_server.incident.causes import Diagnosis, diagnose
from tests.incident.story import ONSET, Story, at, change, finding, session_in

NOISE = (
    change("an unrelated package was upgraded", -30, ("package:tzdata",), source="packages", component="tzdata"),
    change("the cache was tuned", -5, ("path:/srv/shop", "path:/srv/shop/shop/settings.py"), reference="c0ffee"),
)
BAD_GATEWAY = ("http_check", "bad_gateway", ("port:80",))
REFUSED = ("nginx_upstreams", "upstream_refused", ("port:8000", "path:/srv/shop/deploy/nginx.conf"))
CLOSED = ("nginx_upstreams", "upstream_closed", ("port:8000",))
MISSING = ("service_status", "process_missing", ("port:8000",))
SIX = {
    "missing module": (
        [
            BAD_GATEWAY, REFUSED, MISSING, ("recent_errors", "import_failed", ("module:stripe",)),
            ("python_environment", "module_missing", ("module:stripe", "path:/srv/shop/shop/pay.py")),
        ],
        change("pay by card", -4, ("path:/srv/shop", "path:/srv/shop/shop/pay.py", "module:stripe"), reference="hit"),
        "python_environment.module_missing",
    ),
    "wrong upstream port": (
        [BAD_GATEWAY, ("nginx_upstreams", "upstream_refused", ("port:8001", "path:/srv/shop/deploy/nginx.conf"))],
        change("the shop moved", -4, ("path:/srv/shop/deploy/nginx.conf", "port:8001", "port:8000"), reference="hit"),
        "nginx_upstreams.upstream_refused",
    ),
    "upstream hangs": (
        [
            ("http_check", "gateway_timeout", ("port:80",)), ("recent_errors", "upstream_timed_out", ("port:8000",)),
            ("nginx_upstreams", "upstream_hangs", ("port:8000", "path:/srv/shop")),
            ("recent_errors", "worker_timeout", ("path:/srv/shop/shop/prices.py",)),
        ],
        change("live prices", -4, ("path:/srv/shop", "path:/srv/shop/shop/prices.py", "module:socket"), reference="hit"),
        "nginx_upstreams.upstream_hangs",
    ),
    "port taken": (
        [
            BAD_GATEWAY, CLOSED, MISSING, ("recent_errors", "address_in_use", ("port:8000",)),
            ("service_status", "port_taken_by_other", ("port:8000", "pid:77", "path:/srv/shop/deploy/exporter.py")),
        ],
        change("export metrics", -4, ("path:/srv/shop", "path:/srv/shop/deploy/exporter.py"), reference="hit"),
        "service_status.port_taken_by_other",
    ),
    "disk full": (
        [
            BAD_GATEWAY, CLOSED, ("recent_errors", "no_space", ()),
            ("disk_space", "full", ("path:/srv/data", "filesystem:/srv/data")),
        ],
        change("a file was written", -4, ("path:/srv/data/export.csv",), source="files", reference="hit"),
        "disk_space.full",
    ),
    "configuration syntax error": (
        [
            ("http_check", "connection_refused", ("port:80",)), ("recent_errors", "other_errors", ()),
            ("nginx_config", "syntax_error", ("path:/etc/nginx/nginx.conf",)),
        ],
        change("a file was written", -4, ("path:/etc/nginx/nginx.conf",), source="files", reference="hit"),
        "nginx_config.syntax_error",
    ),
}  # fmt: skip


def diagnosed(session: Session, story: Story) -> Diagnosis:
    known = answers(session.ledger, story.incident, session.catalog.diagnostics)
    return diagnose(story.incident, known, session.catalog.finding_types())


@pytest.mark.parametrize("name", SIX)
def test_each_cause_is_found_with_its_change(name: str, tmp_path: Path) -> None:
    seen, culprit, root = SIX[name]
    with session_in(tmp_path) as session:
        story, types = Story(session), session.catalog.finding_types()
        for asker, code, clues in seen:
            kind = types[f"{asker}.{code}"]
            when = at(1) if asker == "recent_errors" else None
            story.answer(asker, finding(f"{asker}.{code}", kind.code, clues=clues, severity=kind.severity, at=when))
        story.answer("host_health")
        story.changed(culprit, *NOISE)
        result = diagnosed(session, story)
    assert result.state == "found"
    assert result.probable and result.probable.trigger, "a triggering change is named"
    assert result.probable.trigger.change.reference == "hit"
    assert result.probable.root.code == root
    assert len(result.hypotheses) == 1, [item.root.code for item in result.hypotheses]
    assert "host_health" in result.healthy
    assert {item.change.component for item in result.not_linked} >= {"tzdata"}
    assert result.probable.evidence_for()


def test_the_onset_is_the_first_trace_of_the_root_not_of_older_noise(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("recent_errors", finding("recent_errors.import_failed", clues=("module:x",), at=at(0)))
        story.answer("http_check", finding("http_check.bad_gateway"))
        story.answer("log_tail", finding("recent_errors.other_errors", at=at(-3000), component="old"))
        story.changed(change("imports x", -2, ("module:x",)))
        result = diagnosed(session, story)
    assert (result.onset, result.onset_from) == (ONSET, "finding")
    assert result.probable and result.probable.trigger


def test_a_change_after_the_onset_is_counter_evidence_never_the_cause(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("recent_errors", finding("recent_errors.import_failed", clues=("module:x",), at=at(0)))
        story.changed(change("a late repair of x", 60, ("module:x",), evidence=("E77",)))
        result = diagnosed(session, story)
    assert result.probable and result.probable.trigger is None
    assert result.probable.evidence_against() == ("E77",)
    assert [item.why for item in result.not_linked] == ["not the cause, it came after the onset"]


def test_clock_doubt_gives_a_change_the_benefit(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("recent_errors", finding("recent_errors.import_failed", clues=("module:x",), at=at(0)))
        story.changed(change("x", 30, ("module:x",), doubt_ms=60_000))
        result = diagnosed(session, story)
    assert result.probable and result.probable.trigger


def test_only_the_time_in_common_is_no_link(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("http_check", finding("http_check.bad_gateway", clues=("port:80",)))
        story.changed(*NOISE)
        result = diagnosed(session, story)
    assert result.probable and result.probable.trigger is None
    assert len(result.not_linked) == len(NOISE)


def test_nothing_found_but_something_unseen_is_unknown_with_the_question_to_ask(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("host_health")
        story.answer("recent_errors", blind=(BlindSpot(what="/var/log/x", reason="denied", remedy="join adm"),))
        result = diagnosed(session, story)
    assert result.state == "unknown"
    assert [(item.ask, item.remedy) for item in result.not_yet] == [("recent_errors", "join adm")]


def test_nothing_asked_is_unknown_and_everything_well_is_nothing(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        assert diagnosed(session, story).state == "unknown"
        story.answer("host_health")
        assert diagnosed(session, story).state == "nothing"


def test_a_later_answer_to_the_same_question_replaces_the_earlier(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("http_check", finding("http_check.bad_gateway"))
        story.answer("http_check")
        assert diagnosed(session, story).state == "nothing"


@pytest.mark.parametrize(
    ("clue", "other", "kind", "linked"),
    [
        ("module:stripe", "package:Stripe", "module", True),
        ("package:my-lib", "module:my_lib", "package", True),
        ("module:stripe", "module:stripes", "module", False),
        ("path:/srv/data", "path:/srv/data/x", "path", True),
        ("path:/srv/data", "path:/srv/database", "path", False),
        ("path:/", "path:/srv/data/x", "path", False),
        ("port:80", "port:8080", "port", False),
        ("made_up:x", "made_up:x", "made_up", False),
    ],
)  # fmt: skip
def test_clues_match_exactly_what_they_should(clue: str, other: str, kind: str, linked: bool) -> None:
    shared = shared_clues(finding("a.b", clues=(clue,)), change("c", -1, (other,)))
    assert [item.kind for item in shared] == ([kind] if linked else [])


def test_a_restart_and_a_change_of_rights_say_less_than_a_change_of_content() -> None:
    found = finding("a.b", clues=("port:8000", "path:/srv/shop/app.py"))
    edit = change("edit", -60, ("path:/srv/shop/app.py",))
    start = change("start", -1, ("port:8000",), classes=("runtime",))
    rights = change("rights", -1, ("path:/srv/shop/app.py",)).model_copy(update={"kind": "attributes"})
    weights = [shared_clues(found, item)[0].weight for item in (edit, start, rights)]
    assert weights[0] == max(weights)
    assert weights.count(weights[0]) == 1


def test_the_nearest_of_equally_telling_changes_is_the_trigger(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("recent_errors", finding("recent_errors.import_failed", clues=("module:x",), at=at(0)))
        story.changed(change("older", -900, ("module:x",), reference="a"), change("newer", -9, ("module:x",), reference="b"))
        result = diagnosed(session, story)
    assert result.probable and result.probable.trigger and result.probable.trigger.change.reference == "b"
    assert result.probable.trigger.before_s == timedelta(seconds=9).total_seconds()


def test_the_cause_of_an_earlier_incident_counts_for_the_same_change_now(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        trigger = {"change": {"component": "shop", "kind": "commit"}, "shared": [{"kind": "path", "value": "/srv/shop/a.py"}]}
        before = Story(session, onset=at(-864_000))
        before.answer("triage", data={"diagnosis": {"hypotheses": [{"trigger": trigger}]}, "unasked": []})
        story = Story(session)
        (past,) = past_causes(session.ledger, story.incident)
        assert past_causes(session.ledger, before.incident) == ()
        story.answer("recent_errors", finding("recent_errors.other_errors", clues=("path:/srv/shop/a.py",), at=at(0)))
        story.changed(change("a", -60, ("path:/srv/shop/a.py",)))
        known = answers(session.ledger, story.incident, session.catalog.diagnostics)
        scores = []
        for history in ((), (past,)):
            best = diagnose(story.incident, known, session.catalog.finding_types(), history).probable
            assert best and best.trigger
            scores.append(best.trigger.ranked.score)
    assert scores[1] > scores[0]

"""A real Prometheus with a rule that fires at once and a real Alertmanager: the alert is one event of the story."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.calls import HttpAnswer
from mcp_server.core.clock import now, parse_moment, stamp
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Seen
from mcp_server.core.settings import load_settings
from mcp_server.diagnostics.monitoring import alerts
from mcp_server.engine.run import Question, ask
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import find, open_incident
from mcp_server.incident.timeline_view import view
from tests.diagnostics.asking import asking, codes
from tests.diagnostics.monitoring.test_monitoring_agreement import answers, running
from tests.real_parts import free_port, need, wait_until

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s, external_labels: {{cluster: here}}}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]}}
"""
RULES = """
groups:
- name: shop
  rules:
  - alert: HighErrors
    expr: {expression}
    labels: {{severity: page, service: shop}}
    annotations: {{summary: five percent of requests fail}}
  - {{alert: Watchdog, expr: vector(1)}}
"""
NAMES = (
    "labels", "alertname", "state", "activeAt", "startsAt", "status", "metric", "values", "annotations", "firing", "pending",
)  # fmt: skip
ALERTMANAGER = "route: {receiver: nobody, group_wait: 0s}\nreceivers: [{name: nobody}]\n"


@contextmanager
def monitoring(folder: Path, expression: str) -> Iterator[tuple[str, str]]:
    """Addresses of Prometheus and Alertmanager; the rule is evaluated every second."""
    need("prometheus", "prometheus-alertmanager")
    own, other = free_port(), free_port()
    (folder / "prometheus.yml").write_text(CONFIG.format(port=other), encoding="utf8")
    (folder / "rules.yml").write_text(RULES.format(expression=expression), encoding="utf8")
    (folder / "am.yml").write_text(ALERTMANAGER, encoding="utf8")
    with ExitStack() as stack:
        stack.enter_context(running(
            "prometheus-alertmanager", f"--config.file={folder}/am.yml", f"--storage.path={folder}/am",
            f"--web.listen-address=127.0.0.1:{other}", "--cluster.listen-address=",
        ))  # fmt: skip
        stack.enter_context(running(
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{own}", "--rules.alert.resend-delay=1s", "--web.enable-lifecycle",
        ))  # fmt: skip
        addresses = f"http://127.0.0.1:{own}", f"http://127.0.0.1:{other}"
        wait_until(answers(f"{addresses[1]}/api/v2/alerts", b"Watchdog"), "Alertmanager was told", 40)
        yield addresses


def test_an_alert_that_fires_is_one_event_and_dates_the_onset(tmp_path: Path) -> None:
    began = now()
    with monitoring(tmp_path, "vector(1)") as (prometheus, alertmanager):
        wait_until(answers(f"{alertmanager}/api/v2/alerts", b"HighErrors"), "the alert arrived", 40)
        names = {"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(tmp_path / "state")}
        session = Session(load_settings(names), program="test")
        try:
            incident = open_incident(session, title="shop fails", target="local", service=None, onset=None, severity=None)
            given = {"prometheus": prometheus, "alertmanager": alertmanager}
            for arguments in (given, given | {"since": "2h"}):
                question = Question.of(session, "alerts", arguments)
                outcome = ask(session, question, "local", Asking(incident=incident.id))
                (finding,) = outcome.findings
                assert (finding.code, finding.severity, finding.component) == ("alerts.fires", "critical", "shop")
                assert len(finding.evidence) >= 2, "both are cited"
                assert finding.values["fingerprint"]
                assert finding.at
                assert began <= finding.at <= now()
                assert any("all is well" in item.text for item in outcome.statements)
            seen = view(session, find(session.ledger, incident.id))
        finally:
            session.close()
    (alert,) = [item for item in seen.story if item.kind == "alert"]
    assert alert.stamp == finding.values["stamp"]
    assert alert.label == "HighErrors"
    assert seen.diagnosis.onset_from == "alert"
    assert began - timedelta(seconds=2) <= seen.diagnosis.onset <= incident.onset
    assert seen.diagnosis.state == "unknown", "an alert that nothing explains is not health"


def test_an_alert_that_is_over_has_a_begin_and_an_end(tmp_path: Path) -> None:
    with monitoring(tmp_path, "vector(1)") as (prometheus, _), asking(tmp_path) as ask_:
        series = f"{prometheus}/api/v1/query?query=ALERTS%7Balertname%3D%22HighErrors%22%7D"
        wait_until(answers(series, b"value"), "it fires", 40)
        (tmp_path / "rules.yml").write_text(RULES.format(expression="vector(1) < 0"), encoding="utf8")
        urllib.request.urlopen(urllib.request.Request(f"{prometheus}/-/reload", method="POST"), timeout=10).close()
        wait_until(answers(series, b'"result":[]'), "it is over", 40)
        outcome = ask_("alerts", prometheus=prometheus, since="5m")
        assert codes(outcome) == ["fired"], outcome
        (finding,) = outcome.findings
        assert finding.at
        assert finding.doubt_ms == 7_500
        assert str(finding.values["last"]) > stamp(finding.at)


@pytest.mark.parametrize("stop", ["prometheus", "alertmanager"])
def test_who_does_not_answer_is_a_blind_spot(tmp_path: Path, stop: str) -> None:
    with asking(tmp_path) as ask_:
        outcome = ask_("alerts", **{stop: f"http://127.0.0.1:{free_port()}"})
        assert outcome.verdict == "unknown"
        assert any("refuses" in spot.reason for spot in outcome.coverage.blind)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(first=JSON, second=JSON, third=JSON)
def test_any_answer_is_read_or_told_as_damaged(first: Any, second: Any, third: Any) -> None:
    bodies = iter([{"data": {"result": first}}, {"data": {"alerts": second}}, third])
    problems: list[str] = []

    class Reader:
        now = parse_moment("2026-11-28T02:00:00Z")

        def look(self, call: Any) -> Any:
            return Seen(HttpAnswer(status=200, body=json.dumps(next(bodies)), took_ms=1), "E1")

        @contextmanager
        def part(self, what: str) -> Iterator[None]:
            try:
                yield
            except CouldNotLook as failure:
                problems.append(failure.reason)

        def cut(self, what: str, rest: str) -> None:
            problems.append(rest)

    reader: Any = Reader()
    params = alerts.Params(prometheus="http://p", alertmanager="http://a")
    facts = alerts.collect(reader, params)
    assert set(problems) <= {"damaged"}
    list(alerts.judge(facts, params))
    list(alerts.show(facts, params))

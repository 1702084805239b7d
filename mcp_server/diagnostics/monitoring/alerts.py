"""Which alerts fire, or fired in the window, since when and until when? As Alertmanager and Prometheus know it.

An alert says that a trouble was seen, not what it is: it dates the onset (`incident/first_alert.py`) and is no cause.
Alertmanager tells only what fires now; what is over is read from the series ALERTS that Prometheus keeps of its own rules.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator

from mcp_server.core.alerting import MEANT, asked, moment_of
from mcp_server.core.clock import Moment, When, from_epoch, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, FindingType, Severity, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

_POINTS = 300
_STEP_S, _EVALUATED_S = 15, 90
_APART_S = 300
"""A rule is evaluated more often than this: an alert that was not there for longer was over."""
_WHERE = ("service", "job", "instance")
_CRITICAL = ("critical", "page", "emergency", "fatal", "sev1", "p1")


class Params(Parameters):
    """Where the alerts are, and which time is asked about."""

    prometheus: str | None = Field(
        None, max_length=500, pattern=r"^https?://", description="Its address: http://127.0.0.1:9090"
    )
    alertmanager: str | None = Field(
        None, max_length=500, pattern=r"^https?://", description="Its address: http://127.0.0.1:9093"
    )
    since: When | None = Field(None, description="Begin of the window; default: a day before its end")
    until: When | None = Field(None, description="End of the window; default: now")
    limit: int = Field(100, ge=1, le=500, description="At most so many alerts, the newest ones")

    @model_validator(mode="after")
    def _ordered(self) -> "Params":
        if self.since and self.until and self.since >= self.until:
            raise ValueError(f"an `until` later than `since`, which is {stamp(self.since)}")
        return self


class Alert(Facts):
    """One stretch of time in which an alert fired. `doubt_ms` is what `began` and `last` may be off."""

    labels: dict[str, str]
    began: Moment
    last: Moment
    fires: bool = Field(description="it still fired when the window ended")
    early: bool = Field(False, description="it fired already when the window began; its begin is not known")
    holds: Moment | None = Field(None, description="since when its condition holds, which may be long before it fired")
    doubt_ms: int = 0
    own: str = Field("", description="the stamp of its begin as the source wrote it")
    clock: str = Field("", description="host and port of whose clock it is")
    summary: str = ""
    silenced: bool = False
    fingerprint: str = ""
    evidence: tuple[str, ...]

    def name(self) -> str:
        """What the rule is called."""
        return self.labels.get("alertname", "?")


class AlertFacts(Facts):
    """Alerts of the window, oldest first; those that always fire are counted, not told."""

    alerts: tuple[Alert, ...] = ()
    meant: tuple[str, ...] = ()
    pending: tuple[str, ...] = Field((), description="alerts whose condition holds, not yet long enough to fire")
    evidence: tuple[str, ...] = ()


FIRES = FindingType(
    code="fires",
    text="alert {alert} has been firing since {since}: {labels}",
    meaning="A rule that somebody wrote for this trouble sees it now.",
    advice="Its begin is the earliest that is certain of the trouble: look what changed shortly before.",
)
FIRED = FindingType(
    code="fired",
    text="alert {alert} fired from {since} to {last}: {labels}",
    severity="info",
    meaning="A rule saw this trouble, and it is over.",
    advice="Ask whether it went by itself or somebody did something; what comes and goes comes again.",
)

DIAGNOSTIC = Diagnostic(
    question="Which alerts fire, or fired in the window, since when and until when?",
    area="monitoring",
    facts=AlertFacts,
    tool=False,
    timeout_s=30,
    examples=(
        {"prometheus": "http://127.0.0.1:9090", "alertmanager": "http://127.0.0.1:9093"},
        {"alertmanager": "http://127.0.0.1:9093", "since": "2h"},
    ),
    next=("monitoring_watchdog", "what_changed", "timeline"),
)


def collect(reader: Reader, params: Params) -> AlertFacts:
    """Ask both; the same alert from both is one, with the begin that Alertmanager was told."""
    if params.prometheus is None and params.alertmanager is None:
        reader.blind("alerts", "no address was named", "name prometheus=… and alertmanager=…")
        return AlertFacts()
    until = params.until or reader.now
    since = params.since or until - timedelta(days=1)
    over = until < reader.now - timedelta(seconds=_APART_S)  # what fires now tells nothing of that window's end
    found, pending, cited = list[Alert](), set[str](), list[str]()
    if params.prometheus:
        base = params.prometheus.rstrip("/")
        with reader.part("alerts of Prometheus in the window"):
            data, evidence = asked(reader, _range(base, since, until), _checked)
            cited.append(evidence)
            found += _stretches(data["data"]["result"], _clock(base), since, until, evidence)
        with reader.part("alerts of Prometheus now"):
            data, evidence = asked(reader, f"{base}/api/v1/alerts", _checked)
            cited.append(evidence)
            pending = {_labels(item["labels"]).get("alertname", "?") for item in data["data"]["alerts"] if _is(item, "pending")}
            firing = [item for item in data["data"]["alerts"] if _is(item, "firing")]
            found = found if over else _with_now(found, firing, _clock(base), reader.now, evidence)
    else:
        reader.blind("alerts that are over", "Alertmanager tells only what fires now", "name prometheus=…")
    if params.alertmanager:
        base = params.alertmanager.rstrip("/")
        with reader.part("alerts of Alertmanager"):
            data, evidence = asked(reader, f"{base}/api/v2/alerts", _checked)
            cited.append(evidence)
            for item in data:
                _receive(found, item, _clock(base), until, evidence)
    meant = sorted({item.name() for item in found if MEANT.search(item.name())})
    told = sorted((item for item in found if item.name() not in meant), key=lambda item: (item.began, item.name()))
    if len(told) > params.limit:
        reader.cut(
            f"{len(told) - params.limit} of {len(told)} alerts, the older ones", "narrow since and until, or raise limit"
        )
    return AlertFacts(
        alerts=tuple(told[-params.limit :]), meant=tuple(meant), pending=tuple(sorted(pending)), evidence=tuple(cited)
    )


def _clock(base: str) -> str:
    """Whose clock it is: the host and port, without any account."""
    return urlsplit(base).netloc.rpartition("@")[2]


def _checked(data: Any) -> Any:
    """The same data; raises what reaching into data of another form raises."""
    if isinstance(data, list):  # Alertmanager
        for item in data:
            _ = _labels(item["labels"]), item["status"]["state"].strip, moment_of(item["startsAt"]).timestamp()  # type: ignore[union-attr]
    elif "alerts" in data["data"]:
        for item in data["data"]["alerts"]:
            _ = _labels(item["labels"]), item["state"].strip, moment_of(item["activeAt"]).timestamp()  # type: ignore[union-attr]
    else:
        for item in data["data"]["result"]:
            _ = _labels(item["metric"]), [from_epoch(float(at)) for at, _ in item["values"]]
    return data


def _labels(metric: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in metric.items() if key not in ("__name__", "alertstate")}


def _is(item: Mapping[str, Any], state: str) -> bool:
    return str(item["state"]) == state


def _step(since: datetime, until: datetime) -> int:
    return max(_STEP_S, ceil((until - since).total_seconds() / _POINTS))


def _range(base: str, since: datetime, until: datetime) -> str:
    """At most some hundred points; each tells of the time since the one before it, so that nothing falls between them."""
    step = _step(since, until)
    query = f'max_over_time(ALERTS{{alertstate="firing"}}[{step}s])'
    times = f"start={since.timestamp():.3f}&end={until.timestamp():.3f}&step={step}"
    return f"{base}/api/v1/query_range?query={quote(query, safe='')}&{times}"


def _stretches(result: Any, clock: str, since: datetime, until: datetime, evidence: str) -> Iterator[Alert]:
    """When each alert fired. A point says that it did then, or since the point before: half a step of doubt."""
    step = timedelta(seconds=_step(since, until))
    apart = max(2 * step, timedelta(seconds=_APART_S)).total_seconds()
    for series in result:
        times = [float(at) for at, _ in series["values"]]
        begins = [index for index, at in enumerate(times) if index == 0 or at - times[index - 1] > apart]
        for begin, end in pairwise([*begins, len(times)]):
            first, last = from_epoch(times[begin]), from_epoch(times[end - 1])
            early = first - since < step
            yield Alert(
                labels=_labels(series["metric"]), began=since if early else first - step / 2, early=early, clock=clock,
                last=min(last + step / 2, until), evidence=(evidence,),
                fires=until - last < max(1.5 * step, timedelta(seconds=_EVALUATED_S)),
                doubt_ms=0 if early else step // timedelta(milliseconds=2),
            )  # fmt: skip


def _with_now(found: list[Alert], items: Any, clock: str, now: datetime, evidence: str) -> list[Alert]:
    """The stretches with what Prometheus says of this moment: which of them go on, and what is so new that it is in none."""
    firing = {_key(_labels(item["labels"])): item for item in items}
    told: list[Alert] = []
    newest = {_key(alert.labels): alert for alert in found}
    for alert in found:
        near = newest[_key(alert.labels)] is alert and now - alert.last < timedelta(seconds=_APART_S)
        item = firing.pop(_key(alert.labels), None) if alert.fires or near else None
        said: dict[str, Any] = {"fires": item is not None}
        if item:
            said |= {"holds": moment_of(item["activeAt"]), "summary": _summary(item), "evidence": (*alert.evidence, evidence)}
        told.append(alert.model_copy(update=said))
    new = (
        Alert(
            labels=_labels(item["labels"]), began=begin, holds=begin, last=now, fires=True, own=str(item["activeAt"]),
            clock=clock, summary=_summary(item), evidence=(evidence,),
        )
        for item in firing.values() if (begin := moment_of(item["activeAt"]))
    )  # fmt: skip
    return [*told, *new]


def _receive(found: list[Alert], item: Any, clock: str, until: datetime, evidence: str) -> None:
    """Put what Alertmanager holds into `found`. It holds what Prometheus sent, with labels of the whole system added."""
    labels, begin = _labels(item["labels"]), moment_of(item["startsAt"])
    if begin is None or begin > until:
        return
    said: dict[str, Any] = {
        "own": str(item["startsAt"]), "clock": clock, "fingerprint": str(item.get("fingerprint", "")),
        "silenced": item["status"]["state"] == "suppressed",
    }  # fmt: skip
    for place in range(len(found) - 1, -1, -1):
        alert = found[place]
        if alert.labels.items() <= labels.items() and begin <= alert.last + timedelta(milliseconds=alert.doubt_ms):
            said |= {"summary": alert.summary or _summary(item), "evidence": (*alert.evidence, evidence)}
            found[place] = alert.model_copy(update=said | {"began": begin, "doubt_ms": 0, "early": False})
            return
    found.append(Alert(
        labels=labels, began=begin, last=until, fires=True, summary=_summary(item), evidence=(evidence,), **said,
    ))  # fmt: skip


def _key(labels: Mapping[str, str]) -> str:
    return json.dumps(labels, sort_keys=True)


def _summary(item: Mapping[str, Any]) -> str:
    notes = item.get("annotations")
    return str(notes.get("summary") or notes.get("description") or "")[:500] if isinstance(notes, Mapping) else ""


def judge(facts: AlertFacts, params: Params) -> Iterator[Finding]:
    """Every alert, oldest first."""
    for alert in facts.alerts:
        labels = ", ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()) if key != "alertname")[:300]
        weight: Severity = "critical" if alert.labels.get("severity", "").lower() in _CRITICAL else "warning"
        values: dict[str, Any] = {
            "alert": alert.name(), "labels": labels or "no labels", "subject": f"{alert.name()} {labels}",
            "since": ("before " if alert.early else "") + stamp(alert.began), "stamp": alert.own, "clock": alert.clock,
            "fingerprint": alert.fingerprint,
        }  # fmt: skip
        values |= {"holds": stamp(alert.holds)} if alert.holds else {}
        values |= {} if alert.fires else {"last": stamp(alert.last)}
        where = next((alert.labels[key] for key in _WHERE if alert.labels.get(key)), None)
        quotes = (alert.summary,) if alert.summary else ()
        yield (FIRES if alert.fires else FIRED).found(
            *dict.fromkeys(alert.evidence), component=where, quotes=quotes, at=alert.began, doubt_ms=alert.doubt_ms,
            severity=weight if alert.fires else "info", **values,
        )  # fmt: skip


def show(facts: AlertFacts, params: Params) -> Iterator[Statement]:
    """What is no finding: conditions that hold not long enough yet, silences, and alerts that mean that all is well."""
    silenced = sorted({item.name() for item in facts.alerts if item.silenced})
    for text, names in (
        ("{count} alerts are silenced or inhibited: {names}", silenced),
        ("{count} alerts are pending: their condition holds, not yet for long enough: {names}", facts.pending),
        ("{count} alerts fire for as long as all is well: {names}", facts.meant),
    ):
        if names:
            yield Statement(text=text, values={"count": len(names), "names": ", ".join(names[:12])}, evidence=facts.evidence)

"""Is the monitoring itself awake: does it answer, scrape, evaluate its rules and hand alerts on?

It asks Prometheus and Alertmanager over HTTP and stands on neither: when they are silent, that is the finding. This is the
watch over the watcher (rule 20); a page about the monitoring goes to whoever runs it, not to the service's team.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import Field

from mcp_server.core.alerting import MEANT, asked, moment_of
from mcp_server.core.clock import Moment
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

T = TypeVar("T")


class Params(Parameters):
    """Where the monitoring answers."""

    prometheus: str | None = Field(
        None, max_length=500, pattern=r"^https?://", description="Its address: http://127.0.0.1:9090"
    )
    alertmanager: str | None = Field(
        None, max_length=500, pattern=r"^https?://", description="Its address: http://127.0.0.1:9093"
    )
    stale_s: int = Field(300, ge=5, le=86_400, description="Seconds after which a scrape or evaluation is stale")
    always_days: int = Field(7, ge=1, le=366, description="Days after which an alert that fires is one that always fires")


class Target(Facts):
    """Something that is scraped."""

    job: str
    address: str
    health: str
    error: str = ""
    scraped: Moment | None = None


class Rules(Facts):
    """A group of rules."""

    name: str
    broken: tuple[str, ...] = ()
    evaluated: Moment | None = None


class WatchdogFacts(Facts):
    """What the monitoring says of itself. None: not asked; `silent` holds those that were asked and gave no answer."""

    now: Moment
    targets: tuple[Target, ...] | None = None
    rules: tuple[Rules, ...] | None = None
    alertmanagers: tuple[str, ...] | None = Field(None, description="where Prometheus sends its alerts")
    firing: tuple[str, ...] | None = Field(None, description="alerts that Prometheus says fire now")
    since: dict[str, Moment] = Field({}, description="alerts that fire, and since when the oldest of each does")
    received: tuple[str, ...] | None = Field(None, description="alerts that Alertmanager holds")
    silent: dict[str, str] = {}
    evidence: dict[str, str] = {}


SILENT = FindingType(
    code="silent",
    text="{part} at {url} gives no answer",
    severity="critical",
    meaning="Nothing is watched and nobody is paged: no alert is no news.",
    advice="Watch the service by hand until it is back; page whoever runs the monitoring.",
)
TARGET_DOWN = FindingType(
    code="target_down",
    text="{count} of {all} targets are not scraped: {names}",
    meaning="What is not scraped raises no alert; its graphs end here.",
    advice="Ask the target itself; a wrong port, name or certificate is as common as a dead one.",
)
STALE = FindingType(
    code="stale",
    text="{what} was last looked at {age} s ago",
    meaning="The monitoring runs and does not work: what it shows is old.",
    advice="Look at its processor, memory and disk; a full disk stops it in silence.",
)
RULE_BROKEN = FindingType(
    code="rule_broken",
    text="{count} rules cannot be evaluated: {names}",
    severity="critical",
    meaning="These alerts can never fire.",
    advice="Read their error; a renamed metric is the usual cause.",
)
NOT_SENT = FindingType(
    code="not_sent",
    text="alerts fire and reach no Alertmanager: {names}",
    severity="critical",
    meaning="The trouble is known and nobody is told.",
    advice="Compare the alertmanagers of the configuration with where Alertmanager listens.",
)

ALWAYS = FindingType(
    code="always_fires",
    text="{count} alerts have been firing for more than {days} days: {names}",
    severity="info",
    meaning="An alert that always fires is read by nobody, and hides the one that matters.",
    advice="Repair what it tells of, or take the alert away; silencing it only hides it.",
)
TWICE = FindingType(
    code="scraped_twice",
    text="{count} addresses are scraped by more than one job: {names}",
    severity="info",
    meaning="The same figures are kept twice; sums over both count everything double, and alerts come in pairs.",
    advice="Keep one job for each address; where a change of name is under way, end it.",
)

DIAGNOSTIC = Diagnostic(
    question="Is the monitoring awake: does it answer, scrape, evaluate its rules and hand alerts on?",
    area="monitoring",
    facts=WatchdogFacts,
    tool=False,
    timeout_s=30,
    examples=({"prometheus": "http://127.0.0.1:9090", "alertmanager": "http://127.0.0.1:9093"},),
    next=("service_status", "disk_space"),
)


def collect(reader: Reader, params: Params) -> WatchdogFacts:
    """Ask each part that is named; silence is a fact, everything else that fails is a blind spot."""
    facts = WatchdogFacts(now=reader.now)
    if params.prometheus is None and params.alertmanager is None:
        reader.blind("monitoring", "no address was named", "name prometheus=… and alertmanager=…")
        return facts
    if params.prometheus:
        base = params.prometheus.rstrip("/")
        facts.targets = _told(
            reader, facts, "prometheus targets", f"{base}/api/v1/targets?state=active",
            lambda data: tuple(_target(item) for item in data["data"]["activeTargets"]),
        )  # fmt: skip
        facts.rules = _told(
            reader, facts, "prometheus rules", f"{base}/api/v1/rules",
            lambda data: tuple(_rules(item) for item in data["data"]["groups"]),
        )  # fmt: skip
        facts.alertmanagers = _told(
            reader, facts, "prometheus alertmanagers", f"{base}/api/v1/alertmanagers",
            lambda data: tuple(str(item["url"]) for item in data["data"]["activeAlertmanagers"]),
        )  # fmt: skip
        firing = _told(
            reader, facts, "prometheus alerts", f"{base}/api/v1/alerts",
            lambda data: [(_name(item), moment_of(item.get("activeAt"))) for item in data["data"]["alerts"]
                          if item["state"] == "firing"],
        )  # fmt: skip
        if firing is not None:
            facts.firing = tuple(name for name, _ in firing)
            for name, begun in firing:
                if begun:
                    facts.since[name] = min(begun, facts.since.get(name, begun))
    if params.alertmanager:
        facts.received = _told(
            reader, facts, "alertmanager", f"{params.alertmanager.rstrip('/')}/api/v2/alerts",
            lambda data: tuple(_name(item) for item in data),
        )  # fmt: skip
    return facts


def _told(reader: Reader, facts: WatchdogFacts, part: str, url: str, form: Callable[[Any], T]) -> T | None:
    """What `form` makes of the answer; None when there was none. One silent address is asked no further."""
    whole = part.split(maxsplit=1)[0]
    if whole in facts.silent:
        return None
    try:
        told, facts.evidence[part] = asked(reader, url, form)
    except CouldNotLook as failure:
        if failure.reason in ("unreachable", "timed_out") and failure.evidence:
            facts.silent[whole] = url
            facts.evidence[whole] = failure.evidence
        else:
            reader.blind(part, f"{failure.reason}: {failure.detail}", failure.remedy)
        return None
    return told


def _name(alert: Any) -> str:
    return str(alert["labels"].get("alertname", "?"))


def _target(item: Any) -> Target:
    return Target(
        job=str(item["labels"].get("job", "?")), address=str(item.get("scrapeUrl", "?")), health=str(item["health"]),
        error=str(item.get("lastError", "")), scraped=moment_of(item.get("lastScrape")),
    )  # fmt: skip


def _rules(item: Any) -> Rules:
    broken = tuple(str(rule["name"]) for rule in item["rules"] if rule.get("health") == "err")
    return Rules(name=str(item["name"]), broken=broken, evaluated=moment_of(item.get("lastEvaluation")))


def judge(facts: WatchdogFacts, params: Params) -> Iterator[Finding]:
    """Silence first, then blind targets, broken rules, stale looks, alerts that reach nobody."""
    for part, url in facts.silent.items():
        yield SILENT.found(facts.evidence[part], component=part, clues=(f"word:{part}",), part=part, url=url)
    limit = timedelta(seconds=params.stale_s)
    if facts.targets is not None:
        cited = facts.evidence["prometheus targets"]
        down = [item for item in facts.targets if item.health != "up"]
        if down:
            names = ", ".join(f"{item.job} {item.address}" for item in down[:6])
            quotes = tuple(f"{item.address}: {item.error}" for item in down[:6] if item.error)
            yield TARGET_DOWN.found(
                cited, component="prometheus", quotes=quotes, count=len(down), all=len(facts.targets), names=names
            )
        late = [item for item in facts.targets if item.health == "up" and item.scraped and facts.now - item.scraped > limit]
        if late:
            yield _stale(f"target {late[0].address}", facts.now, late[0].scraped, cited)
        jobs: dict[str, set[str]] = {}
        for item in facts.targets:
            jobs.setdefault(item.address, set()).add(item.job)
        if twice := [f"{address} by {', '.join(sorted(names))}" for address, names in jobs.items() if len(names) > 1]:
            yield TWICE.found(cited, component="prometheus", count=len(twice), names="; ".join(twice[:6]))
    if facts.rules is not None:
        cited = facts.evidence["prometheus rules"]
        if broken := [name for group in facts.rules for name in group.broken]:
            yield RULE_BROKEN.found(cited, component="prometheus", count=len(broken), names=", ".join(broken[:8]))
        behind = [item for item in facts.rules if item.evaluated and facts.now - item.evaluated > limit]
        if behind:
            yield _stale(f"rule group {behind[0].name}", facts.now, behind[0].evaluated, cited)
    if facts.firing and facts.alertmanagers == ():
        cites = (facts.evidence["prometheus alerts"], facts.evidence["prometheus alertmanagers"])
        yield NOT_SENT.found(*cites, component="prometheus", names=", ".join(sorted(set(facts.firing))[:8]))
    elif facts.firing and facts.received is not None and (lost := sorted(set(facts.firing) - set(facts.received))):
        cites = (facts.evidence["prometheus alerts"], facts.evidence["alertmanager"])
        yield NOT_SENT.found(*cites, component="alertmanager", names=", ".join(lost[:8]))

    limit = timedelta(days=params.always_days)
    old = [name for name, begun in facts.since.items() if facts.now - begun > limit and not MEANT.search(name)]
    if old:
        cited = facts.evidence["prometheus alerts"]
        named = ", ".join(sorted(old)[:8])
        yield ALWAYS.found(cited, component="prometheus", count=len(old), days=params.always_days, names=named)


def _stale(what: str, now: Any, last: Any, evidence: str) -> Finding:
    return STALE.found(evidence, component="prometheus", what=what, age=round((now - last).total_seconds()))


def show(facts: WatchdogFacts, params: Params) -> Iterator[Statement]:
    """What it sees, in numbers."""
    if facts.targets is not None:
        up = sum(item.health == "up" for item in facts.targets)
        yield Statement(
            text="Prometheus scrapes {up} of {all} targets", values={"up": up, "all": len(facts.targets)},
            evidence=(facts.evidence["prometheus targets"],),
        )  # fmt: skip
    if facts.firing:
        yield Statement(
            text="{count} alerts fire now: {names}",
            values={"count": len(facts.firing), "names": ", ".join(sorted(set(facts.firing))[:12])},
            evidence=(facts.evidence["prometheus alerts"],),
        )

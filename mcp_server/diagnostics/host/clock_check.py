"""Is this host's clock right: does it follow a time source, and does it agree with a server's answer?"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pydantic import Field

from mcp_server.core.calls import Http
from mcp_server.core.clock import Moment, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader


class Params(Parameters):
    """With whom to compare."""

    url: str | None = Field(None, max_length=2_000, pattern=r"^https?://", description="A server whose Date header is compared")
    off_s: float = Field(5, ge=1, le=86_400, description="Seconds off at which it is a finding")


class ClockFacts(Facts):
    """What the host says of its clock, and what another one says."""

    now: Moment
    synchronized: bool | None = Field(None, description="None: nobody here knows")
    service: bool | None = Field(None, description="a time service is switched on")
    other: Moment | None = None
    other_url: str = ""
    evidence: dict[str, str] = {}


OFF = FindingType(
    code="off",
    text="this clock says {here}, {url} says {there}: {seconds} s apart",
    severity="critical",
    meaning="Tokens and certificates fail, clusters disagree, and the order of events in logs is wrong.",
    advice="Find which of the two is right by a third; step a clock only through a plan: databases do not like it.",
    explains=("http_check.tls_expired",),
)
NOT_SYNCHRONIZED = FindingType(
    code="not_synchronized",
    text="the clock is not synchronized; a time service is switched on: {service}",
    meaning="It drifts, seconds a day; nobody notices until something compares times.",
    advice="Look why the time service has no source: firewall (123/udp), names, a stopped unit.",
)

DIAGNOSTIC = Diagnostic(
    question="Does this host's clock follow a time source, and agree with a server's?",
    area="host",
    facts=ClockFacts,
    tool=False,
    commands=("timedatectl",),
    timeout_s=15,
    examples=({}, {"url": "https://shop.example/"}),
    next=("what_changed",),
)


def collect(reader: Reader, params: Params) -> ClockFacts:
    """timedatectl, then the Date header where one is named. Who cannot be asked is a blind spot."""
    facts = ClockFacts(now=reader.now)
    with reader.part("time synchronization"):
        seen = reader.run(["timedatectl", "show"])
        told = dict(line.split("=", 1) for line in seen.value.out.splitlines() if "=" in line)
        if "NTPSynchronized" not in told:
            said = seen.value.err.strip()[:200] or "it says nothing of it"
            raise CouldNotLook("timedatectl", "failed", said, "it needs systemd and its bus")
        facts.evidence["timedatectl"] = seen.evidence
        facts.synchronized, facts.service = told["NTPSynchronized"] == "yes", told.get("NTP") == "yes"
    if params.url:
        with reader.part(f"clock of {params.url}"):
            answer = reader.look(Http(url=params.url, method="HEAD"))
            dates = [value for name, value in answer.value.headers.items() if name.lower() == "date"]
            if not dates:
                raise CouldNotLook(params.url, "damaged", "its answer has no Date header", "name another server")
            try:
                facts.other = _utc(parsedate_to_datetime(dates[0]))
            except ValueError:
                raise CouldNotLook(params.url, "damaged", "its Date header is no date", "name another server") from None
            facts.now = reader.now + timedelta(milliseconds=answer.value.took_ms)
            facts.other_url, facts.evidence["date"] = params.url, answer.evidence
    return facts


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def judge(facts: ClockFacts, params: Params) -> Iterator[Finding]:
    """Off by more than the header's resolution; not synchronized."""
    if facts.other is not None:
        seconds = (facts.now - facts.other).total_seconds()
        if abs(seconds) >= params.off_s + 1:
            yield OFF.found(
                facts.evidence["date"], component="clock", here=stamp(facts.now), there=stamp(facts.other),
                url=facts.other_url, seconds=round(seconds, 1),
            )  # fmt: skip
    if facts.synchronized is False:
        yield NOT_SYNCHRONIZED.found(facts.evidence["timedatectl"], component="clock", service=facts.service)


def show(facts: ClockFacts, params: Params) -> Iterator[Statement]:
    """The comparison, so that `ok` comes with it."""
    if facts.other is not None:
        seconds = round((facts.now - facts.other).total_seconds(), 1)
        yield Statement(
            text="{seconds} s from the clock of {url} (whose header has whole seconds)",
            values={"seconds": seconds, "url": facts.other_url}, evidence=(facts.evidence["date"],),
        )  # fmt: skip
    if facts.synchronized is not None:
        yield Statement(
            text="the host calls its clock synchronized: {answer}", values={"answer": facts.synchronized},
            evidence=(facts.evidence["timedatectl"],),
        )  # fmt: skip

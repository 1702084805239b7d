"""What is wrong in this cluster, namespace or workload, and what is only a consequence of it?"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from mcp_server.cluster.diagnose import cause_types
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.kubernetes_calls import Cause, DiagnoseCluster, DiagnosisSeen
from mcp_server.core.outcome import Finding, FindingType, Statement, Value
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

_NAME = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"


class Params(Parameters):
    """Where to look: the target names cluster, namespace and workload; `dump` names recorded objects instead."""

    dump: str | None = Field(
        None, min_length=2, max_length=4_096, pattern=r"^/[^\x00]*$",
        description="File, folder or packed bundle of recorded objects or text of kubectl, at target=local",
    )  # fmt: skip
    namespace: str | None = Field(None, max_length=63, pattern=_NAME, description="Only this namespace; default: the target's")
    workload: str | None = Field(
        None, max_length=317, pattern=r"^[A-Za-z0-9./-]+$", description="Only this workload, as NAME or KIND/NAME"
    )
    logs: bool = Field(True, description="Read the ends of logs too")
    cursor: int = Field(0, ge=0, le=10_000, description="Go on with this cause, as an earlier answer said")
    budget: int = Field(5_500, ge=800, le=50_000, description="Characters the answer may have")


class DiagnosisFacts(Facts):
    """Causes, those that explain others first, and what they rest on."""

    seen: DiagnosisSeen
    evidence: str


KINDS: dict[str, FindingType] = {code: kind.finding() for code, kind in cause_types().items()}
globals().update({code.upper(): kind for code, kind in KINDS.items()})  # the files of causes are their registration

DIAGNOSTIC = Diagnostic(
    question="Why is something in Kubernetes not running, not ready or not reachable: causes, not objects?",
    area="kubernetes",
    facts=DiagnosisFacts,
    places=("k8s", "local"),
    timeout_s=30.0,
    paged=True,
    examples=({"namespace": "shop"}, {"dump": "/srv/dumps/shop"}, {"namespace": "shop", "workload": "deploy/api"}),
    next=("what_changed", "log_tail"),
)


def collect(reader: Reader, params: Params) -> DiagnosisFacts:
    """One look: the question travels to the objects."""
    call = DiagnoseCluster(dump=params.dump, namespace=params.namespace, workload=params.workload, logs=params.logs)
    seen = reader.look(call)
    for doubt in seen.value.doubts:
        if doubt.reason == "cut":
            reader.cut(f"{doubt.what}: {doubt.detail}", doubt.remedy)
        else:
            reader.blind(doubt.what, f"{doubt.reason}: {doubt.detail}", doubt.remedy)
    return DiagnosisFacts(seen=seen.value, evidence=seen.evidence)


def judge(facts: DiagnosisFacts, params: Params) -> Iterator[Finding]:
    """The causes of this page."""
    for cause in _page(facts, params)[0]:
        kind = KINDS[cause.code]
        namespace, _, name = cause.component.rpartition(" ")[2].rpartition("/")
        values: dict[str, Any] = {"object": cause.object, "field": cause.field, "confidence": cause.confidence, **cause.values}
        yield kind.found(
            facts.evidence, component=cause.component, severity=cause.severity, quotes=cause.quotes, at=cause.at,
            clues=(f"workload:{namespace}/{name}", f"word:{name}"), **values,
        )  # fmt: skip


def show(facts: DiagnosisFacts, params: Params) -> Iterator[Statement]:
    """What each cause explains; how much was looked at; how to go on."""
    seen, (page, last) = facts.seen, _page(facts, params)
    for cause in page:
        if cause.explains or cause.others:
            yield _also(cause)
    for item in seen.renewed[:3] if not params.cursor else ():
        text = "{object} got revision {revision}, which differs from the one before"
        yield Statement(
            text=text, values={"object": item.object, "revision": item.revision}, at=item.at,
            quotes=tuple(line if len(line) <= 200 else line[:199].rpartition(" ")[0] + " …" for line in item.changed[:5]),
            evidence=(facts.evidence,),
        )  # fmt: skip
    values: dict[str, Value] = {
        "pods": seen.pods, "ready": seen.ready, "objects": sum(seen.counts.values()), "logs": seen.logs, "texts": seen.texts,
        "where": ", ".join(seen.namespaces), "version": seen.version,
    }  # fmt: skip
    text = "{pods} pods, {ready} ready or done; {objects} objects, {logs} logs"
    text += ", {texts} files of kubectl's text only" if seen.texts else ""
    text += "; API server {version}" if seen.version else ""
    yield Statement(text=text + (" in namespace {where}" if seen.namespaces else ""), values=values, evidence=(facts.evidence,))
    rules = tuple(doubt.remedy for doubt in seen.doubts if doubt.reason == "denied" and doubt.remedy.startswith("bind "))
    if rules:
        yield Statement(text="to be pasted, so that the account may list what it is refused:", quotes=rules[:4])
    if left := len(seen.causes) - last:
        yield Statement(
            text="{left} more causes, lighter ones: ask again with cursor={cursor}", values={"left": left, "cursor": last}
        )


def _also(cause: Cause) -> Statement:
    """What else a cause is seen by."""
    told = ["explains {count} more"] if cause.explains else []
    told += ["the same holds for {others} more"] if cause.others else []
    return Statement(
        text="{object} ({code}): " + "; ".join(told),
        values={
            "object": cause.object, "code": cause.code, "count": len(cause.explains), "others": cause.others,
        },
        quotes=(*cause.explains[:4], *([f"and {len(cause.explains) - 4} more"] if len(cause.explains) > 4 else [])),
    )  # fmt: skip


def _page(facts: DiagnosisFacts, params: Params) -> tuple[list[Cause], int]:
    """The causes that fit into the budget from the cursor on, at least one, and where the next page begins."""
    doubts = facts.seen.doubts[:12]
    left = params.budget - 500 - sum(min(400, len(item.what) + len(item.detail) + len(item.remedy)) for item in doubts)
    if not params.cursor:
        left -= sum(150 + sum(min(210, len(line) + 8) for line in item.changed[:5]) for item in facts.seen.renewed[:3])
    page: list[Cause] = []
    for cause in facts.seen.causes[params.cursor :]:
        left -= _size(cause)
        if page and left < 0:
            break
        page.append(cause)
    return page, min(len(facts.seen.causes), params.cursor + len(page))


def _size(cause: Cause) -> int:
    """About the characters it takes in an answer."""
    told = (
        len(KINDS[cause.code].text)
        + sum(len(str(value)) for value in cause.values.values())
        + len(cause.object)
        + len(cause.field)
    )
    explained = sum(map(len, cause.explains[:4])) + 80 if cause.explains or cause.others else 0
    return told + sum(len(quote) + 8 for quote in cause.quotes) + explained + 40

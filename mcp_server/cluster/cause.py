"""A cause: what is wrong with which object in which field, how sure that is, and what would confirm it."""

import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mcp_server.cluster.objects import Key, Object, key_of, shown
from mcp_server.core.kubernetes_calls import Cause as Cause  # noqa: PLC0414 -- every family imports it from here
from mcp_server.core.kubernetes_calls import Confidence as Confidence  # noqa: PLC0414
from mcp_server.core.outcome import FindingType, Severity, Value

QUOTE_CHARS = 400
QUOTES = 6
QUESTION = "kubernetes_diagnosis"

CALLS = ("dependency_refused", "dependency_timeout", "dependency_unknown")
"""What those notice who call something that does not answer."""
UNREADY = (
    "pod_unready",
    "replicas_unavailable",
    "rollout_stuck",
    "statefulset_blocked",
    "service_no_ready_endpoints",
    "ingress_no_ready_backend",
    "route_no_ready_backend",
    "hpa_no_metrics",
    "pdb_blocks_eviction",
    "job_backoff",
    "apiservice_unavailable",
    "update_takes_all_down",
)
"""What is seen further up when pods of a workload are not ready."""
DOWN = (*UNREADY, "webhook_unreachable", "dns_down")
"""What else is seen when a workload does not run; who calls it is folded by what it needs."""


@dataclass(frozen=True, kw_only=True)
class CauseType:
    """A cause that can be found: the one place where it is declared.

    `text` is a sentence about `{object}`; `confirm` says what would prove it. `explains` are codes of consequences.
    """

    code: str
    text: str
    confirm: str
    meaning: str
    severity: Severity = "critical"
    explains: tuple[str, ...] = ()

    def finding(self) -> FindingType:
        """The declaration as a finding of the diagnostic."""
        return FindingType(
            code=self.code,
            text="{object}: " + self.text + " (field {field}, confidence {confidence}); to confirm: " + self.confirm,
            severity=self.severity, meaning=self.meaning, advice=f"To confirm: {_plain(self.confirm)}.",
            explains=tuple(f"{QUESTION}.{code}" for code in self.explains),
        )  # fmt: skip

    def on(
        self, obj: Object, field: str, confidence: Confidence, /, *, touches: Iterable[Key] = (), quotes: Iterable[str] = (),
        at: datetime | None = None, component: Key | None = None, severity: Severity | None = None,
        needs: Iterable[Key] = (), **values: Any,
    ) -> Cause:  # fmt: skip
        """The cause on this object. `component` is the workload concerned, where that is another object."""
        key = key_of(obj)
        return self.of(
            key, field, confidence, touches=touches, quotes=quotes, at=at, component=component, severity=severity, needs=needs,
            **values,
        )  # fmt: skip

    def of(
        self, key: Key, field: str, confidence: Confidence, /, *, touches: Iterable[Key] = (), quotes: Iterable[str] = (),
        at: datetime | None = None, component: Key | None = None, severity: Severity | None = None,
        needs: Iterable[Key] = (), **values: Any,
    ) -> Cause:  # fmt: skip
        """The cause on an object that may not exist."""
        hurt = dict.fromkeys((shown(key), *(() if component is None else (shown(component),)), *map(shown, touches)))
        told = {name: _bounded(value) for name, value in values.items()}
        return Cause(
            code=self.code, object=_short(shown(key), 300), namespace=key[1], component=_short(shown(component or key), 300),
            field=_short(field.rstrip("."), 300), severity=severity or self.severity, confidence=confidence, values=told,
            quotes=tuple(dict.fromkeys(_short(quote.strip(), QUOTE_CHARS) for quote in quotes if quote.strip()))[:QUOTES],
            at=at, touches=tuple(hurt), needs=tuple(dict.fromkeys(map(shown, needs))),
        )  # fmt: skip


def places(text: str) -> set[str]:
    """The names of the values that a sentence needs."""
    return {place for _, place, _, _ in string.Formatter().parse(text) if place}


def _plain(text: str) -> str:
    return text.replace("{", "").replace("}", "")


def _bounded(value: Value) -> Value:
    return _short(value, 260) if isinstance(value, str) else value


def _short(text: str, most: int) -> str:
    """At most that many characters, ended between words: half of a secret would not be known as one."""
    if len(text) <= most:
        return text
    return text[: most - 1].rpartition(" ")[0] + " …"

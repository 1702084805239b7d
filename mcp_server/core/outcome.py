"""What an answer is made of: statements, findings, coverage, verdict. One shape for people and models alike."""

import string
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, JsonValue

from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun

Verdict = Literal["ok", "finding", "unknown", "not_applicable"]
Severity = Literal["critical", "warning", "info"]

Value = str | int | float | bool | None


class Statement(Noun):
    """An authored sentence with places for values seen outside, and the evidence for it.

    `text` is ours (`{mount} is {percent} % full`); `values` and `quotes` are data from the system under examination
    and are made visible wherever they are shown.
    """

    text: str
    values: dict[str, Value] = {}
    evidence: tuple[str, ...] = ()
    quotes: tuple[str, ...] = Field((), description="raw text from outside, shown only as marked data")
    at: Moment | None = Field(None, description="when it happened, as the source says")
    doubt_ms: int = Field(0, ge=0, description="how far off `at` may be")

    def told(self, show: Callable[[Value], str]) -> str:
        """The sentence with each value as `show` makes it safe for where it will stand."""
        return string.Formatter().vformat(self.text, (), {key: show(value) for key, value in self.values.items()})


class Finding(Statement):
    """Something wrong. It cites evidence, or it is not made."""

    evidence: tuple[str, ...] = Field(min_length=1)
    code: str = Field(description="stable name: diagnostic.finding")
    severity: Severity = "warning"
    component: str | None = Field(None, description="what is wrong: a service, file, filesystem, address")
    clues: tuple[str, ...] = Field((), description="typed traces that a change may share: module:x path:/x port:80")


class FindingType(Noun):
    """A finding that a diagnostic can make, declared once at module level: its text, weight and meaning.

    `explains` names finding codes (`diagnostic.code`) that are consequences of this one; the cause search folds them.
    """

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{2,40}$")
    text: str = Field(description="sentence with {places}; places are filled from values")
    severity: Severity = "warning"
    meaning: str = Field(description="why it matters, one sentence")
    advice: str = Field(description="what to look at or decide next, one sentence")
    explains: tuple[str, ...] = ()

    def found(
        self,
        *evidence: str,
        component: str | None = None,
        clues: tuple[str, ...] = (),
        quotes: tuple[str, ...] = (),
        at: Any = None,
        doubt_ms: int = 0,
        severity: Severity | None = None,
        **values: Value,
    ) -> Finding:
        """The finding with its values. Raises KeyError when a place of the text has no value."""
        for _, place, _, _ in string.Formatter().parse(self.text):
            if place and place not in values:
                raise KeyError(f"finding {self.code}: no value for {{{place}}}")
        return Finding(
            code=self.code, text=self.text, values=values, severity=severity or self.severity, evidence=evidence,
            component=component, clues=clues, quotes=quotes, at=at, doubt_ms=doubt_ms,
        )  # fmt: skip


class BlindSpot(Noun):
    """Something that was asked and could not be seen."""

    what: str
    reason: str
    remedy: str = ""


class Coverage(Noun):
    """What an answer rests on. Absence of evidence is stated, never passed off as evidence of absence."""

    looked: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    blind: tuple[BlindSpot, ...] = ()
    cut: tuple[BlindSpot, ...] = Field((), description="seen in part; the remedy says how to get the rest")


class Suggestion(Noun):
    """A next call: a tool of ours, with arguments of a safe form only."""

    tool: str
    arguments: dict[str, Value] = {}
    why: str = ""


class Outcome(Noun):
    """One answer, of a diagnostic or of any other tool."""

    id: str | None = Field(None, description="R<n> once it is in the ledger")
    name: str
    target: str
    verdict: Verdict
    at: Moment
    took_ms: float = 0
    incident: str | None = None
    statements: tuple[Statement, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: Coverage = Coverage()
    evidence: tuple[str, ...] = ()
    next: tuple[Suggestion, ...] = ()
    budget: int | None = Field(None, description="characters its text may have, as asked; quotes are then shown whole")
    notice: str = Field("", description="a remark of the program, such as: not part of an open incident")
    parts: tuple["Outcome", ...] = ()
    data: JsonValue = None


def verdict_of(findings: tuple[Finding, ...], coverage: Coverage) -> Verdict:
    """Findings make `finding`; else any blind spot makes `unknown`; else it is `ok`. `ok` is earned."""
    if findings:
        return "finding"
    return "unknown" if coverage.blind or coverage.cut or not coverage.looked else "ok"

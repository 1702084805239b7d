"""Probable causes: findings folded onto their roots, roots linked to changes, each link with its reasons.

Nothing here guesses. A finding explains another because its type says so; the change behind it is the one that the ranker
(`engine/ranking.py`) names, with its reasons. Where it names none the answer is "no observed change explains this".
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from mcp_server.core.change import Change
from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, FindingType, Statement, Value
from mcp_server.engine.ranking import rank, reasons
from mcp_server.engine.ranking_clues import Shared, all_shared
from mcp_server.engine.ranking_data import Past, Ranked, candidates_of, symptom_of
from mcp_server.incident.answers import Answers
from mcp_server.incident.clues import same_subject, share_any
from mcp_server.incident.first_alert import first_alert, onset_by
from mcp_server.incident.record import Incident

SLACK = timedelta(seconds=1)
"""Most logs stamp whole seconds: a change in the same second may still have come first."""
LATER = "not the cause, it came after the onset"
NO_CLUE = "not linked, it shares no clue with any finding"
_LENT, _LESS = ("module", "package", "path"), 10
_WEIGHT = {"critical": 30, "warning": 20, "info": 5}


class Link(Noun):
    """A change that something links to a finding: a clue, or words, beyond the time alone."""

    change: Change
    ranked: Ranked
    shared: tuple[Shared, ...] = ()
    before_s: float = 0
    """Seconds between the change and the onset; negative when it came later."""

    def why(self) -> Statement:
        """One sentence: the score with its parts, the strongest first."""
        told, values = reasons(self.ranked)
        score: dict[str, Value] = {"score": self.ranked.score, **values}
        return Statement(text=told + "; score {score}", values=score, evidence=self.change.summary.evidence)


class Group(Noun):
    """A root finding, others that say the same, and the symptoms it explains."""

    root: Finding
    agreeing: tuple[Finding, ...] = ()
    symptoms: tuple[Finding, ...] = ()


class Hypothesis(Group):
    """One explanation, with the change that may have brought it."""

    onset: Moment
    trigger: Link | None = None
    others: tuple[Link, ...] = ()
    later: tuple[Link, ...] = ()
    """Changes with a shared clue that came after the onset: they cannot be the cause."""
    confirm: tuple[str, ...] = ()
    """Authored sentences: what would confirm or refute it."""

    def evidence_for(self) -> tuple[str, ...]:
        """Ids of everything that speaks for it."""
        linked = self.trigger.change.summary.evidence if self.trigger else ()
        parts = [item.evidence for item in (self.root, *self.agreeing, *self.symptoms)]
        return tuple(dict.fromkeys(item for part in (*parts, linked) for item in part))

    def evidence_against(self) -> tuple[str, ...]:
        """Ids of changes that came too late to be the cause."""
        return tuple(dict.fromkeys(item for link in self.later for item in link.change.summary.evidence))


class Unlinked(Noun):
    """A change without a shared clue, or too late."""

    change: Change
    why: str


class Question(Noun):
    """Something not yet looked at that could decide between the hypotheses."""

    ask: str
    what: str
    reason: str
    remedy: str = ""


class Diagnosis(Noun):
    """What is known of the cause."""

    state: Literal["found", "nothing", "unknown"]
    onset: Moment
    onset_from: Literal["finding", "alert", "incident"]
    first_alert: Finding | None = None
    """The alert that is a candidate for the onset, whether or not it is taken for it."""
    hypotheses: tuple[Hypothesis, ...] = ()
    not_linked: tuple[Unlinked, ...] = ()
    healthy: dict[str, str] = {}
    """Diagnostics that said ok, with the id of the answer."""
    not_yet: tuple[Question, ...] = ()
    changes_id: str | None = None
    changes_seen: bool = False
    """Whether change sources were asked at all and answered without blind spots."""

    @property
    def probable(self) -> Hypothesis | None:
        return self.hypotheses[0] if self.hypotheses else None


def diagnose(
    incident: Incident, known: Answers, types: Mapping[str, FindingType], history: Sequence[Past] = ()
) -> Diagnosis:  # fmt: skip
    """The diagnosis that the answers so far allow; `history` are the causes of earlier incidents. Pure."""
    findings = known.findings()
    blind = known.blind()
    alert = first_alert(incident, known.alerts())
    reported = onset_by(incident, alert)
    hypotheses = _ranked([_hypothesis(group, known.changes, reported, types, history) for group in fold(findings, types)])
    onsets = [item.onset for item in hypotheses[:1] if item.onset < reported]
    onset = onsets[0] if onsets else reported
    state: Literal["found", "nothing", "unknown"] = (
        "found" if findings else "unknown" if blind or not known.outcomes or known.alerts() else "nothing"
    )
    changes = known.changes_outcome
    return Diagnosis(
        state=state, onset=onset, first_alert=alert, hypotheses=tuple(hypotheses),
        onset_from="finding" if onsets else "alert" if reported < incident.onset else "incident",
        not_linked=tuple(_unlinked(known.changes, hypotheses, onset)),
        healthy={item.name: item.id or "" for item in known.outcomes if item.verdict == "ok"},
        not_yet=tuple(Question(ask=ask, what=spot.what, reason=spot.reason, remedy=spot.remedy) for ask, spot in blind),
        changes_id=changes.id if changes else None,
        changes_seen=changes is not None and not (changes.coverage.blind or changes.coverage.cut),
    )  # fmt: skip


def fold(findings: Sequence[Finding], types: Mapping[str, FindingType]) -> list[Group]:
    """Roots with what they explain, directly or through others; the catalog allows no circles. One subject, one root."""
    explains = {code: set(kind.explains) for code, kind in types.items()}
    codes = {finding.code for finding in findings}
    reach = {code: _reach(code, explains) & codes for code in codes}
    roots = [item for item in findings if not any(item.code in reach[code] for code in codes)]
    roots.sort(key=lambda item: (-len(reach[item.code]), -_WEIGHT[item.severity]))
    groups: list[list[Finding]] = []
    for root in roots:
        home = next((group for group in groups if same_subject(group[0], root)), None)
        if home is None:
            groups.append([root])
        else:
            home.append(root)
    symptoms: list[list[Finding]] = [[] for _ in groups]
    for finding in findings:
        if not any(finding is root for root in roots):
            able = [index for index, group in enumerate(groups) if any(finding.code in reach[item.code] for item in group)]
            near = [index for index in able if share_any(finding, groups[index])]
            for index in near or able:
                symptoms[index].append(finding)
    return [
        Group(root=group[0], agreeing=tuple(group[1:]), symptoms=tuple(more))
        for group, more in zip(groups, symptoms, strict=True)
    ]


def _reach(code: str, explains: Mapping[str, set[str]]) -> set[str]:
    """Codes explained by this one, however far down."""
    seen: set[str] = set()
    pending = [code]
    while pending:
        for item in explains.get(pending.pop(), set()) - seen:
            seen.add(item)
            pending.append(item)
    return seen


def _hypothesis(
    group: Group, changes: Sequence[Change], reported: datetime, types: Mapping[str, FindingType], history: Sequence[Past]
) -> Hypothesis:  # fmt: skip
    onset = _onset(group, reported)
    symptoms = [symptom_of(item) for item in (group.root, *group.agreeing)]
    symptoms += [symptom_of(item, indirect=True) for item in group.symptoms]
    ranking = rank(changes, onset, symptoms=symptoms, onset_doubt=SLACK, history=history)
    candidates, links = candidates_of(changes), []
    for item in ranking.changes:
        change, shared = changes[item.index], all_shared(symptoms, candidates[item.index])
        if shared or item.support > 0:
            before_s = round((onset - change.at).total_seconds(), 3)
            links.append(Link(change=change, ranked=item, shared=shared[:5], before_s=before_s))
    early = [link for link in links if not link.ranked.excluded]
    trigger = next((link for link in early if link.ranked.id == ranking.named), None)
    kind = types.get(group.root.code)
    confirm = [kind.advice] if kind else []
    if trigger:
        confirm.append(
            "Compare the failing part with its state before the change named; on an equal copy, undo the change and ask again."
        )
    others = tuple(link for link in early if link is not trigger)
    later = tuple(link for link in links if link.ranked.excluded)
    return Hypothesis(
        root=group.root, agreeing=group.agreeing, symptoms=group.symptoms, onset=onset, trigger=trigger, others=others[:3],
        later=later, confirm=tuple(confirm),
    )  # fmt: skip


def _onset(group: Group, reported: datetime) -> datetime:
    """When this began: the root's first trace, else that of its symptoms (they may be older noise), else as reported."""
    for members in ((group.root, *group.agreeing), group.symptoms):
        if times := [item.at for item in members if item.at]:
            return min(reported, *times)
    return reported


def _too_late(change: Change, onset: datetime) -> bool:
    return change.at - timedelta(milliseconds=change.doubt_ms) > onset + SLACK


def _ranked(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Most probable first: explains most, is heaviest, has the strongest link; then the earliest."""

    def weight(item: Hypothesis) -> float:
        link = max(15, min(item.trigger.ranked.support, 100) / 2) if item.trigger else 0
        return 15 * len(item.symptoms) + 10 * len(item.agreeing) + _WEIGHT[item.root.severity] + link

    return sorted(hypotheses, key=lambda item: (-weight(item), item.onset, item.root.code))


def _unlinked(changes: Iterable[Change], hypotheses: Sequence[Hypothesis], onset: datetime) -> Iterable[Unlinked]:
    """Changes that explain nothing, with the reason."""
    linked = [link.change for item in hypotheses for link in (item.trigger, *item.others) if link]
    for change in changes:
        if change in linked:
            continue
        if _too_late(change, onset):
            yield Unlinked(change=change, why=LATER)
        else:
            yield Unlinked(change=change, why=NO_CLUE)

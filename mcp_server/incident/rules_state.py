"""How far each of the twenty rules holds on this installation: what is switched off, missing or not built, with the remedy."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import mcp_server
from mcp_server.core.errors import VeteranError
from mcp_server.core.noun import Noun
from mcp_server.engine.lock import lock_report
from mcp_server.engine.operations import operations
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.changelogs import changelogs
from mcp_server.incident.escalation import matrix
from mcp_server.incident.pages import pages
from mcp_server.incident.rules import Rule, rules
from mcp_server.incident.severity import levels
from mcp_server.incident.validation import policy_conflicts, rules_paths
from mcp_server.targets.ssh_signatures import distrust

State = Literal["holds", "in part", "off", "unknown"]
OLD = timedelta(days=180)
VERIFIED_AT_ONCE = 50_000
"""A longer ledger is verified by `verify_ledger` alone."""


class Gap(Noun):
    """Something that keeps a rule from holding in full."""

    level: Literal["in part", "off", "unknown"]
    reason: str
    """Authored. What comes from the settings stands in `values`."""
    remedy: str = ""
    values: dict[str, str | int] = {}


class RuleState(Noun):
    """One rule on this installation."""

    rule: Rule
    state: State
    gaps: tuple[Gap, ...] = ()


def rule_states(session: Session, asking: Asking) -> tuple[RuleState, ...]:
    """All twenty, in order. What a check cannot find out is unknown, never a rule that holds."""
    found = []
    for rule in rules():
        try:
            gaps = [*_parts(rule), *_GAPS.get(rule.number, _none)(session, asking)]
        except VeteranError as error:
            values = {"why": error.sentence()}
            gaps = [Gap(level="off", reason="its mechanism does not work: {why}", values=values, remedy=error.remedy)]
        gaps += [Gap(level="in part", reason=limit) for limit in rule.limits]
        asking.progress(rule.number, len(rules()), f"rule {rule.number}")
        found.append(RuleState(rule=rule, state=_worst(gaps), gaps=tuple(gaps)))
    return tuple(found)


def _worst(gaps: list[Gap]) -> State:
    order: tuple[Literal["off", "unknown", "in part"], ...] = ("off", "unknown", "in part")
    return next((level for level in order if any(gap.level == level for gap in gaps)), "holds")


def _none(session: Session, asking: Asking) -> Iterator[Gap]:
    yield from ()


def _parts(rule: Rule) -> Iterator[Gap]:
    """Parts of the program that the rule rests on and that are not here."""
    top = Path(mcp_server.__file__).parent.parent
    for name in rule.modules:
        if name.startswith("mcp_server/") and not (top / name).is_file():
            yield Gap(level="off", reason="{part} is missing", values={"part": name}, remedy="install it again")


# --- by rule --------------------------------------------------------------------------------------------------------


def _real_only(session: Session, asking: Asking) -> Iterator[Gap]:
    if not session.settings.services:
        yield Gap(
            level="in part", reason="no service is declared: steps that need its address, logs or unit cannot be asked",
            remedy="declare [services.NAME] in the settings file",
        )  # fmt: skip


def _never_break(session: Session, asking: Asking) -> Iterator[Gap]:
    lock, settings = lock_report(), session.settings
    if not lock.enforced:
        yield Gap(
            level="in part", reason="the kernel does not enforce that nothing is written: {why}", values={"why": lock.detail},
            remedy=lock.remedy or "run it where Landlock is available",
        )  # fmt: skip
    elif lock.open:
        yield Gap(
            level="in part", reason="the kernel enforces it only in part: {what}", values={"what": lock.open},
            remedy="a kernel from 6.12 on with seccomp, on x86-64 or arm64",
        )  # fmt: skip
    operations(settings.gate.operations)
    if not settings.gate.writes:
        yield Gap(
            level="in part", reason="the kill switch is on: nothing is changed, whoever approves",
            remedy="set gate.writes = true once changes may be made again",
        )  # fmt: skip
    if not settings.environments:
        yield Gap(
            level="in part", reason="no environment is declared: what is detected counts as production",
            remedy="declare [environments.NAME] with kind and protection",
        )  # fmt: skip
    strict = [name for name, item in settings.environments.items() if item.protection == "production"]
    signers = settings.approvals.allowed_signers
    why = "approvals.allowed_signers is not set" if signers is None else distrust(signers, (settings.state_dir,))
    if why and (strict or not settings.environments):
        yield Gap(
            level="in part", reason="nobody can approve a change of production: {why}", values={"why": why},
            remedy="name an OpenSSH allowed_signers file that this account cannot write",
        )  # fmt: skip


def _whole_system(session: Session, asking: Asking) -> Iterator[Gap]:
    alone = [name for name, item in session.settings.services.items() if not item.depends_on]
    if not session.settings.services:
        yield Gap(
            level="in part", reason="no service is declared: dependencies are only those seen at the moment",
            remedy="declare [services.NAME] with depends_on",
        )  # fmt: skip
    elif alone:
        yield Gap(
            level="in part", reason="services without declared dependencies: {names}", values={"names": ", ".join(alone)},
            remedy="declare depends_on",
        )  # fmt: skip


def _search_first(session: Session, asking: Asking) -> Iterator[Gap]:
    settings = session.settings
    if not settings.knowledge.paths:
        yield Gap(
            level="in part", reason="none of the team's own runbooks is searched",
            remedy="name their folders in knowledge.paths",
        )  # fmt: skip
    for path in settings.knowledge.paths:
        if not Path(path).exists():
            yield Gap(level="in part", reason="{path} is missing", values={"path": path}, remedy="correct knowledge.paths")
    if not settings.knowledge.commits or not any(item.root for item in settings.services.values()):
        yield Gap(
            level="in part", reason="no commit messages are searched", remedy="declare root of a service; knowledge.commits > 0"
        )


def _professional(session: Session, asking: Asking) -> Iterator[Gap]:
    levels(session)
    silent = [name for name, item in session.settings.environments.items() if not item.tell]
    if silent:
        yield Gap(
            level="in part", reason="nobody is named to be told before a change in: {names}",
            values={"names": ", ".join(silent)}, remedy="set tell in [environments.NAME]",
        )  # fmt: skip


def _documentation(session: Session, asking: Asking) -> Iterator[Gap]:
    known = pages(session).values()
    old = [page.name for page in known if date.today() - date.fromisoformat(page.verified) > OLD]
    if old:
        yield Gap(
            level="in part", reason="{count} pages were last verified more than {days} days ago, such as {page}",
            values={"count": len(old), "days": OLD.days, "page": old[0]}, remedy="run them, and date them anew",
        )  # fmt: skip


def _intact(session: Session, asking: Asking) -> Iterator[Gap]:
    entries = session.ledger.head()[0]
    if entries > VERIFIED_AT_ONCE:
        yield Gap(
            level="unknown", reason="{entries} entries were not verified here", values={"entries": entries},
            remedy="run scripts/incident_response/verify_ledger.py",
        )  # fmt: skip
        return
    check = session.ledger.verify()
    if check.broken_at is not None:
        yield Gap(level="off", reason="the ledger: {problem}", values={"problem": check.problem}, remedy="verify_ledger")
    elif check.missing_blobs:
        yield Gap(
            level="off", reason="the bytes of {count} pieces of evidence are missing or altered",
            values={"count": len(check.missing_blobs)}, remedy="verify_ledger",
        )  # fmt: skip


def _declarations(session: Session, asking: Asking) -> Iterator[Gap]:
    session.catalog.check()
    yield from ()


def _removing(session: Session, asking: Asking) -> Iterator[Gap]:
    operations(session.settings.gate.operations)
    kinds = {item.protection for item in session.settings.environments.values()}
    if kinds == {"production"}:
        yield Gap(
            level="in part", reason="only production is declared: there is nowhere to try a removal first",
            remedy="declare an environment of protection staging or dev",
        )  # fmt: skip


def _containers(session: Session, asking: Asking) -> Iterator[Gap]:
    top = Path(mcp_server.__file__).parent.parent
    if (top / "pyproject.toml").is_file() and not (top / "Dockerfile").is_file():
        yield Gap(level="in part", reason="this project ships no image of its own that could be looked at")


def _deployment(session: Session, asking: Asking) -> Iterator[Gap]:
    top = Path(mcp_server.__file__).resolve().parent.parent
    if not (top / "deploy.sh").is_file() and "releases" not in top.parts:
        yield Gap(
            level="in part", reason="this program was not installed by deploy.sh, so no version before can be returned to",
            remedy="install it with ./deploy.sh install",
        )  # fmt: skip


def _specialists(session: Session, asking: Asking) -> Iterator[Gap]:
    matrix(session)
    yield from ()


def _authority(session: Session, asking: Asking) -> Iterator[Gap]:
    paths = rules_paths(session)
    outcome = policy_conflicts(session, asking)
    if not paths or outcome is None:
        yield Gap(
            level="off", reason="no rules of the organisation were found: {paths}",
            values={"paths": ", ".join(session.settings.authority.paths) or "authority.paths is empty"},
            remedy="name their files in authority.paths; relative names count from where the program is started",
        )  # fmt: skip
    elif outcome.findings:
        yield Gap(
            level="in part", reason="{count} contradictions among the rules stand ({answer})",
            values={"count": len(outcome.findings), "answer": outcome.id or ""}, remedy="policy_conflicts quotes both sides",
        )  # fmt: skip
    elif outcome.verdict == "unknown":
        yield Gap(level="unknown", reason="some rules could not be read", remedy=f"read {outcome.id}")


def _changelogs(session: Session, asking: Asking) -> Iterator[Gap]:
    for item in changelogs(session):
        if item.problem:
            values: dict[str, str | int] = {"folder": item.folder, "problem": item.problem}
            yield Gap(level="in part", reason="changelog of {folder}: {problem}", values=values, remedy="write the entry")


def _changes(session: Session, asking: Asking) -> Iterator[Gap]:
    settings = session.settings
    if not settings.changes.feeds:
        yield Gap(
            level="in part", reason="no feed tells of deployments, flags or third parties",
            remedy="name JSON-lines files in changes.feeds",
        )  # fmt: skip
    if not any(Path(settings.state_dir, "snapshots").rglob("*.json")):
        yield Gap(
            level="in part", reason="no snapshot was taken: there is no last good state to compare with",
            remedy="scripts/incident_response/snapshot.py, by a timer",
        )  # fmt: skip


def _watchers(session: Session, asking: Asking) -> Iterator[Gap]:
    monitoring = session.settings.monitoring
    if not monitoring.prometheus and not monitoring.alertmanager:
        yield Gap(
            level="in part", reason="no monitoring is declared: nobody watches the watcher",
            remedy="set monitoring.prometheus and monitoring.alertmanager",
        )  # fmt: skip


_GAPS: Mapping[int, Callable[[Session, Asking], Iterator[Gap]]] = MappingProxyType(
    {
        1: _real_only, 2: _never_break, 3: _whole_system, 4: _search_first, 5: _professional, 6: _documentation, 7: _intact,
        8: _declarations, 10: _removing, 11: _containers, 12: _deployment, 14: _specialists, 17: _authority, 18: _changelogs,
        19: _changes, 20: _watchers,
    }
)  # fmt: skip
"""What can be missing here. The others (9, 13, 15, 16) need nothing but the program itself."""

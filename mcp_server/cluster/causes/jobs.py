"""Jobs and CronJobs: limits reached, suspended, never started."""

import re
from collections.abc import Iterator
from typing import Any

from mcp_server.cluster.cause import Cause, CauseType
from mcp_server.cluster.objects import Object, at, condition, is_true, key_of, moment, name_of, number, parts, space_of, words
from mcp_server.cluster.world import Cluster

_MEANING = "The work it stands for is not done."

BACKOFF = CauseType(
    code="job_backoff",
    text="it failed: {failed} pods failed, and backoffLimit is {limit}",
    confirm="read the log of its last pod; the exit code tells whether trying again may help",
    meaning=_MEANING, explains=("pod_unready",),
)  # fmt: skip
DEADLINE = CauseType(
    code="job_deadline",
    text="it was ended after activeDeadlineSeconds {seconds} s, before it was done",
    confirm="compare how long earlier runs took; see whether its pods waited for a node or an image first",
    meaning=_MEANING, explains=("job_backoff", "pod_unready"),
)  # fmt: skip
POLICY = CauseType(
    code="job_failure_policy",
    text="it was ended at once by its podFailurePolicy: {why}",
    confirm="compare rule {rule} with the exit code or condition of the pod: would trying again really not help?",
    meaning=_MEANING, explains=("job_backoff", "pod_unready", "crash_loop"),
)  # fmt: skip
SUSPENDED = CauseType(
    code="job_suspended",
    text="it is suspended (last run: {since})",
    confirm="find out who set spec.suspend and why",
    meaning=_MEANING, severity="info",
)  # fmt: skip
MISSED = CauseType(
    code="cronjob_missed",
    text="it was not started when it should have been: {why}",
    confirm="compare schedule, timeZone and startingDeadlineSeconds with status.lastScheduleTime",
    meaning=_MEANING, severity="warning",
)  # fmt: skip
OVERLAPS = CauseType(
    code="cronjob_blocked",
    text="concurrencyPolicy Forbid keeps it from starting: {active} has been running for {minutes} minutes",
    confirm="look at what the running Job waits for; a Job without activeDeadlineSeconds may run forever",
    meaning="Every later run is skipped until that one ends.", severity="warning", explains=("cronjob_missed",),
)  # fmt: skip

_LONG_S = 3_600.0
_RECENT_S = 86_400.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Jobs by their condition Failed, CronJobs by their events."""
    for job in cluster.all("Job"):
        yield from _job(cluster, job)
    for cron in cluster.all("CronJob"):
        yield from _cron(cluster, cron)


def _job(cluster: Cluster, job: Object) -> Iterator[Cause]:
    failed, pods = condition(job, "Failed"), cluster.pods_of(key_of(job)) or cluster.pods_of(cluster.root(job))
    touches = [*map(key_of, pods), cluster.root(job)]
    age = cluster.age(moment(failed, "lastTransitionTime"))
    told: dict[str, Any] = {"touches": touches, "at": moment(failed, "lastTransitionTime"), "component": cluster.root(job),
            "quotes": [f"condition Failed: {words(failed, 'reason')}: {words(failed, 'message')}"]}  # fmt: skip
    if is_true(failed) and (age is None or age < _RECENT_S) and not _done_since(cluster, job):
        if words(failed, "reason") == "DeadlineExceeded":
            yield DEADLINE.on(
                job, "spec.activeDeadlineSeconds", "high", **told, seconds=number(job, "spec.activeDeadlineSeconds")
            )
        elif words(failed, "reason") == "PodFailurePolicy":
            match = re.search(r"rule at index (\d+)", words(failed, "message"))
            field = f"spec.podFailurePolicy.rules[{match[1] if match else ''}]"
            yield POLICY.on(job, field, "high", **told, why=words(failed, "message"), rule=match[1] if match else "(not told)")
        else:
            limit = number(job, "spec.backoffLimit")
            yield BACKOFF.on(
                job,
                "spec.backoffLimit",
                "high",
                **told,
                failed=number(job, "status.failed"),
                limit=6 if limit is None else limit,
            )
    elif at(job, "spec.suspend") is True:
        yield SUSPENDED.on(job, "spec.suspend", "high", touches=touches, since="not told")


def _done_since(cluster: Cluster, job: Object) -> bool:
    """Whether a later run of the same CronJob succeeded."""
    root, start = cluster.root(job), moment(job, "metadata.creationTimestamp")
    return root != key_of(job) and any(
        cluster.root(other) == root and is_true(condition(other, "Complete")) and start is not None
        and (moment(other, "metadata.creationTimestamp") or start) > start
        for other in cluster.all("Job")
    )  # fmt: skip


def _cron(cluster: Cluster, cron: Object) -> Iterator[Cause]:
    if at(cron, "spec.suspend") is True:
        last = words(cron, "status.lastScheduleTime")
        yield SUSPENDED.on(cron, "spec.suspend", "high", since=last or "never")
        return
    events = [
        event
        for event in cluster.events(
            cron,
            "MissSchedule",
            "FailedNeedsStart",
            "TooManyMissedTimes",
            "UnparseableCronJobSchedule",
            "UnknownTimeZone",
            "InvalidSchedule",
        )
        if (cluster.age(event.last) or 0) < _RECENT_S
    ]
    if events:
        yield MISSED.on(cron, "spec.schedule", "high", at=events[-1].last, quotes=[events[-1].line()], why=events[-1].message)
    if words(cron, "spec.concurrencyPolicy") != "Forbid":
        return
    for ref in parts(cron, "status.active"):
        job = cluster.get("Job", space_of(cron), words(ref, "name"))
        age = cluster.age(moment(job, "status.startTime")) if job is not None else None
        blocked = cluster.events(cron, "JobAlreadyActive")
        if job is not None and age is not None and (blocked or age > _LONG_S):
            yield OVERLAPS.on(
                cron,
                "spec.concurrencyPolicy",
                "high" if blocked else "medium",
                touches=[key_of(job)],
                active=name_of(job),
                minutes=int(age // 60),
                quotes=[event.line() for event in blocked][-1:],
            )

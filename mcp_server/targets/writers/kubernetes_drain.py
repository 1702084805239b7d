"""Evicting the pods of one node, one after the other: tried dry for all of them first, stopped at the first refusal.

A budget that allows nothing at the moment is no refusal: it is asked again until the time of the step is used up. Whatever
ends it, the failure says which pods went, which one it stopped at and which are left.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from mcp_server.core.errors import CouldNotLook, VeteranError
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.writers.kubernetes_object import Held, refuses, said

PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
_IN_A_ROW = 20


def evict(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    """Evict what was planned on, and wait until it is gone."""
    work = _Evictions(arguments, doing)
    work.try_all()
    work.evict_all()
    work.wait_all()
    count = len(work.evicted)
    return (
        "1 pod was evicted and is gone from the node" if count == 1 else f"{count} pods were evicted and are gone from the node"
    )


class _Evictions:
    """`left` is planned and not evicted, in order; `evicted` was accepted by the server; `version` is the Eviction's."""

    def __init__(self, arguments: Mapping[str, JsonValue], doing: Doing) -> None:
        self.doing, self.name = doing, str(arguments["node"])
        self.node = Held(doing, "nodes", None, self.name)
        if (self.node.now.get("spec") or {}).get("unschedulable") is not True:
            raise WriteFailed(f"node {self.name} is not cordoned: what is evicted could come back", sure=True)
        planned = doing.before.get("pods")
        self.uids = {str(key): str(uid) for key, uid in planned.items()} if isinstance(planned, Mapping) else {}
        self.left, self.evicted = list(self.uids), list[str]()
        self.end = time.monotonic() + float(str(arguments["wait_s"]))
        self.version = self._version()

    def _version(self) -> str:
        """policy/v1 where the server has it (from 1.22 on), else v1beta1."""
        served = self.node.read("/api/v1").get("resources") or ()
        found = next((item for item in served if item.get("name") == "pods/eviction"), None)
        if found is None:
            raise WriteFailed("this server evicts nothing: it has no pods/eviction", sure=True)
        return f"{found.get('group') or 'policy'}/{found.get('version') or 'v1beta1'}"

    def try_all(self) -> None:
        """A dry run of each, before anything is evicted: a lack of rights is seen while all pods still run."""
        for key in self.left:
            try:
                status, answer = self._ask(key, dry=True)
            except VeteranError as error:
                raise WriteFailed(f"{error.sentence()}; nothing was evicted", sure=True) from None
            if status >= 300 and status not in (404, 409, 429):
                raise WriteFailed(
                    f"the server would not evict {key} ({status}: {said(answer)}); nothing was evicted", sure=True
                )

    def evict_all(self) -> None:
        """One after the other."""
        while self.left:
            key = self.left[0]
            if sentence := self.doing.stop():
                raise self._failed(sentence)
            self.doing.note(f"evicting {key}")
            self._evict(key)
            self.left.pop(0)

    def _evict(self, key: str) -> None:
        """One, as soon as its budget allows it."""
        pause, waiting = PAUSE_S, ""
        while True:
            try:
                status, answer = self._ask(key, dry=False)
            except WriteFailed as failure:
                raise self._failed(failure.sentence, unsure=key) from None
            except VeteranError as error:
                raise self._failed(error.sentence()) from None
            if status < 300:
                self.evicted.append(key)
            if status < 300 or status == 404:  # 404: somebody else was quicker
                return
            if status not in (409, 429):
                told = f"the server does not evict {key} ({status}: {said(answer)})"
                raise self._failed(told, unsure="" if refuses(status) else key)
            why = _blocking(answer)
            if time.monotonic() > self.end:
                raise self._failed(f"{why}; so {key} could not be evicted in time")
            if why != waiting:
                waiting = why
                self.doing.note(f"waiting with {key}: {why}")
            pause = self._pause(pause)

    def _pause(self, seconds: float) -> float:
        """Wait, unless nothing more may be done; the next pause is longer."""
        if sentence := self.doing.stop():
            raise self._failed(sentence)
        self.doing.cancel.wait(seconds)
        return min(seconds * 1.4, LONGEST_PAUSE_S)

    def wait_all(self) -> None:
        """Until none of them is on the node any more."""
        pause = PAUSE_S
        while here := self._here():
            if time.monotonic() > self.end:
                text = f"{len(here)} evicted pods have not ended in time"
                raise self._failed(text, _named("evicted and still ending", here))
            pause = self._pause(pause)

    def _here(self) -> list[str]:
        limits = Limits(self.doing.timeout_s, cancel=self.doing.cancel)
        try:
            seen = list(self.node.wire.items(
                "/api/v1/pods", limits, "pods of the node", metadata=True, fieldSelector=f"spec.nodeName={self.name}"
            ))  # fmt: skip
        except VeteranError as error:
            raise self._failed(f"whether the evicted pods ended could not be seen: {error.sentence()}") from None
        uids = {(item.get("metadata") or {}).get("uid") for item in seen}
        return [key for key in self.evicted if self.uids[key] in uids]

    def _ask(self, key: str, *, dry: bool) -> tuple[int, bytes]:
        """Ask for one eviction, bound to the pod that was planned on and to its present version."""
        space, _, name = key.partition("/")
        path = f"/api/v1/namespaces/{space}/pods/{name}"
        wire, doing = self.node.wire, self.doing
        try:
            seen = wire.json(path, Limits(doing.timeout_s, cancel=doing.cancel), f"pod {key}")
        except CouldNotLook as failure:
            if failure.reason == "missing":
                return 404, b""
            raise
        meta: Mapping[str, Any] = seen.get("metadata") or {}
        if meta.get("uid") != self.uids[key]:  # the one that was planned on is gone
            return 404, b""
        bound = {"uid": self.uids[key], "resourceVersion": meta.get("resourceVersion")}
        body = {
            "apiVersion": self.version, "kind": "Eviction", "metadata": {"name": name, "namespace": space},
            "deleteOptions": {"preconditions": bound} | ({"dryRun": ["All"]} if dry else {}),
        }  # fmt: skip
        return wire.send("POST", f"{path}/eviction", body, doing, "application/json", dry=dry)

    def _failed(self, sentence: str, more: Iterator[str] | Sequence[str] = (), unsure: str = "") -> WriteFailed:
        """What went wrong, and how the node stands. `unsure`: the pod that the server was asked for without a clear answer."""
        left = [key for key in self.left if key != unsure]
        standing = (
            *more, *([f"whether it was evicted is open: {unsure}"] if unsure else ()),
            *_named("not evicted, still on the node", left),
            *_named("evicted, and made anew elsewhere by their controllers", self.evicted),
        )  # fmt: skip
        count = f"{len(self.evicted)} evicted, {len(left)} left" + (f", {unsure} open" if unsure else "")
        return WriteFailed(f"{one_line(sentence, 250)}; {count}", sure=not self.evicted and not unsure, left=standing)


def _blocking(answer: bytes) -> str:
    """Which budget blocks, in the server's words."""
    try:
        told = json.loads(answer)
        causes = [str(item.get("message")) for item in (told.get("details") or {}).get("causes") or ()]
    except (ValueError, AttributeError):
        causes = []
    return one_line("; ".join(causes), 160) if causes else said(answer)


def _named(what: str, keys: Sequence[str]) -> Iterator[str]:
    """Every name, a few to a sentence."""
    for start in range(0, len(keys), _IN_A_ROW):
        yield f"{what}: {', '.join(keys[start : start + _IN_A_ROW])}"

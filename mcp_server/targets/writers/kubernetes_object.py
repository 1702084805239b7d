"""The one object of a cluster that a verb acts on, and the wire that may write: dry-run first, bound to what was planned on."""

import json
import re
from collections.abc import Mapping
from typing import Any
from weakref import finalize

from mcp_server.core.address import parse
from mcp_server.core.errors import CouldNotLook, VeteranError
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.kubernetes_config import server_of
from mcp_server.targets.kubernetes_resources import KNOWN
from mcp_server.targets.kubernetes_wire import Wire

MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
_EVICTION = re.compile(r"/api/v1/namespaces/[a-z0-9.-]+/pods/[a-z0-9.-]+/eviction", re.ASCII)


class WritingWire(Wire):
    """A wire that may also patch and delete the one object that a verb names, and ask for the eviction of a pod."""

    def check(self, method: str, path: str) -> None:
        """See `Wire.check`."""
        if method not in ("PATCH", "DELETE") and not (method == "POST" and _EVICTION.fullmatch(path)):
            super().check(method, path)

    def send(self, method: str, path: str, body: Any, doing: Doing, kind: str, *, dry: bool) -> tuple[int, bytes]:
        """One request; status and body of the answer. Raises WriteFailed where there is none: unless it was dry, what became
        of it is open, because a connection may break after the server did it."""
        query = {"dryRun": "All"} if dry else {}
        limits = Limits(doing.timeout_s, cancel=doing.cancel)
        if not dry:
            self._drop()  # on a connection of its own it is sent once: on a kept one that breaks, a look is sent again
        try:
            return self.exchange(method, path, limits, "write", query=query, body=json.dumps(body).encode(), content=kind)
        except CouldNotLook as failure:
            raise WriteFailed(f"{failure.what}: {failure.detail}", sure=dry) from None

    def write(self, method: str, path: str, body: Any, doing: Doing, kind: str, *, dry: bool) -> None:
        """As `send`. Raises WriteFailed too where the server refused it: then nothing was changed."""
        status, answer = self.send(method, path, body, doing, kind, dry=dry)
        if status >= 300:
            raise WriteFailed(f"the server answered {status}: {said(answer)}", sure=dry or refuses(status))


def refuses(status: int) -> bool:
    """Whether a server that answers so did nothing: it may fail, or run out of time, after it has done what was asked."""
    return 300 <= status < 500


def said(body: bytes) -> str:
    """What a server says in a refusal."""
    try:
        told = json.loads(body)
    except ValueError:
        return one_line(body[:200].decode("utf8", "replace"), 200)
    return one_line(told.get("message") if isinstance(told, dict) else told, 300)


class Held:
    """The one object that a verb acts on, read anew and compared with what was planned on."""

    def __init__(self, doing: Doing, resource: str, space: str | None, name: str) -> None:
        self.doing = doing
        try:
            self.wire = WritingWire(server_of(parse(doing.environment.target).parts[0]))
        except VeteranError as error:
            raise WriteFailed(error.sentence(), sure=True) from None
        finalize(self, self.wire.close)  # whatever becomes of the act
        known = KNOWN[resource]
        self.path = known.path(known.versions[0], space, name)
        self.now = self.read(self.path)
        meta = self.now.get("metadata") or {}
        if meta.get("uid") != doing.before.get("uid"):
            raise WriteFailed(f"{name} is another object than the one that was planned on", sure=True)
        self.version = str(meta.get("resourceVersion"))
        self.uid = str(meta.get("uid"))

    def read(self, path: str) -> Mapping[str, Any]:
        """An object as it is."""
        try:
            answer: Mapping[str, Any] = self.wire.json(
                path, Limits(self.doing.timeout_s, cancel=self.doing.cancel), "state before the act"
            )
        except VeteranError as error:
            raise WriteFailed(error.sentence(), sure=True) from None
        return answer

    def patch(self, change: Mapping[str, Any], kind: str = MERGE, path: str = "") -> None:
        """Dry-run, then for good; both only while nobody else has written since it was read."""
        meta = dict(change.get("metadata") or {}) | {"resourceVersion": self.version}
        body = {**change, "metadata": meta}
        for dry in (True, False):
            self.wire.write("PATCH", path or self.path, body, self.doing, kind, dry=dry)

    def delete(self) -> None:
        """Dry-run, then for good, bound to this very object."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": self.uid, "resourceVersion": self.version},
        }
        for dry in (True, False):
            self.wire.write(
                "DELETE", self.path, body | ({"dryRun": ["All"]} if dry else {}), self.doing, "application/json", dry=dry
            )

"""Recorded objects on this host: a file, a folder, or a packed support bundle; and the names of kubectl's contexts."""

import os
import tarfile
from collections.abc import Iterator
from typing import Any

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.kubernetes_calls import Contexts, DiagnoseCluster, DiagnosisSeen, ReadContexts
from mcp_server.core.log_calls import LogDoubt
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import amount, bytes_text, one_line

MAX_FILES, MAX_DEPTH = 20_000, 12
MAX_FILE = 268_435_456
MAX_BYTES = 1_073_741_824
_WANTED = {"Pod": "pods", "Event": "events", "Service": "services", "Node": "nodes"}
"""Without these much is not seen: that is said."""
_SKIPPED = (".git", "node_modules", "__pycache__")
_PACKED = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz")


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer DiagnoseCluster for a dump, or ReadContexts. Raises CouldNotLook, Cancelled."""
    limits.check()
    if isinstance(call, ReadContexts):
        from mcp_server.targets.kubernetes_config import contexts

        found, current, _ = contexts()
        return Contexts(names=tuple(found), current=current)
    if isinstance(call, DiagnoseCluster):
        return _diagnosis(call, limits, policy)
    raise CouldNotLook(call.title(), "missing", "this host answers no such call")


def _diagnosis(call: DiagnoseCluster, limits: Limits, policy: ReadSettings) -> DiagnosisSeen:
    from mcp_server.cluster.dump import read_dump
    from mcp_server.cluster.report import seen_of

    if call.dump is None:
        raise CouldNotLook(
            call.title(), "refused", "this host is no cluster", "name one: target=k8s://CONTEXT/NAMESPACE, or give `dump`"
        )
    doubts: list[LogDoubt] = []
    dump = read_dump(_files(call.dump, limits, policy, doubts))
    if not dump.objects:
        raise CouldNotLook(
            one_line(call.dump), "damaged", "it holds no objects of Kubernetes and no text of kubectl",
            "give what kubectl get -o json, kubectl describe, kubectl get events, cluster-info dump or a support bundle wrote",
        )  # fmt: skip
    if dump.over:
        doubts.append(
            LogDoubt(
                what=one_line(call.dump), reason="cut", detail="it holds more objects than are read", remedy="give a part of it"
            )
        )
    seen_kinds = {str(obj.get("kind")) for obj in dump.objects} | {kind for kind, _ in dump.lists}
    if lacking := [name for kind, name in _WANTED.items() if kind not in seen_kinds]:
        doubts.append(LogDoubt(what=", ".join(lacking), reason="missing", detail="not among what was recorded",
                               remedy=f"kubectl get {','.join(lacking)} -A -o json > FILE beside the others"))  # fmt: skip
    if dump.unread:
        some = ", ".join(one_line(name, 60) for name in dump.unread[:5])
        doubts.append(
            LogDoubt(
                what=amount(len(dump.unread), "file"), reason="damaged", detail=f"neither objects nor logs of a pod: {some}"
            )
        )
    seen = seen_of(dump.cluster(), call.namespace, call.workload, tuple(item for item in doubts if item.what != ""))
    return seen.model_copy(update={"texts": dump.texts})


def _files(path: str, limits: Limits, policy: ReadSettings, doubts: list[LogDoubt]) -> Iterator[tuple[str, str]]:
    """(name, text) of every file, below folders and in packed bundles; what cannot be read is a doubt, not the end."""
    from mcp_server.targets.files import open_for_reading

    left, total = limits.until(), 0
    for name in _names(path, limits, policy, doubts):
        if left() < limits.timeout_s * 0.2:
            doubts.append(
                LogDoubt(
                    what=one_line(path),
                    reason="timed_out",
                    detail="not all files were read in time",
                    remedy="give a part of it",
                )
            )
            return
        try:
            with open_for_reading(name, policy) as file:
                size = os.fstat(file.fileno()).st_size
                if name.endswith(_PACKED):
                    yield from _members(name, file, doubts)
                    continue
                if size > MAX_FILE or total + size > MAX_BYTES:
                    doubts.append(
                        LogDoubt(
                            what=one_line(name),
                            reason="cut",
                            detail=f"it is larger than {bytes_text(MAX_FILE)} and was left out",
                        )
                    )
                    continue
                total += size
                content = file.read(MAX_FILE)
        except CouldNotLook as failure:
            if name == path:
                raise
            doubts.append(LogDoubt(what=failure.what, reason=failure.reason, detail=failure.detail, remedy=failure.remedy))
            continue
        if b"\0" not in content[:4_096]:
            yield os.path.relpath(name, path) if name != path else os.path.basename(name), content.decode("utf8", "replace")


def _names(path: str, limits: Limits, policy: ReadSettings, doubts: list[LogDoubt]) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    from mcp_server.core.calls import ListFolder
    from mcp_server.targets.files import look as look_at_files

    folder = look_at_files(ListFolder(path=path, depth=MAX_DEPTH, limit=MAX_FILES, skip=_SKIPPED), limits, policy)
    doubts += [LogDoubt(what=one_line(name), reason="denied", detail="the folder cannot be read") for name in folder.unreadable]
    if folder.cut:
        doubts.append(LogDoubt(what=one_line(path), reason="cut", detail=folder.cut, remedy="give a part of it"))
    for entry in folder.entries:
        if entry.type == "file":
            yield entry.path


def _members(name: str, file: Any, doubts: list[LogDoubt]) -> Iterator[tuple[str, str]]:
    """Files of a packed bundle, read in memory one after the other: nothing is unpacked to disk."""
    total = 0
    try:
        with tarfile.open(fileobj=file, mode="r|*") as bundle:
            for member in bundle:
                if not member.isfile():
                    continue
                total += member.size
                if total > MAX_BYTES:
                    doubts.append(
                        LogDoubt(what=one_line(name), reason="cut", detail=f"more than {bytes_text(MAX_BYTES)} were left out")
                    )
                    return
                inner = bundle.extractfile(member)
                content = inner.read(MAX_FILE) if inner is not None else b""
                if b"\0" not in content[:4_096]:
                    yield member.name, content.decode("utf8", "replace")
    except (tarfile.TarError, OSError, EOFError) as error:
        doubts.append(LogDoubt(what=one_line(name), reason="damaged", detail=f"it cannot be unpacked ({type(error).__name__})"))

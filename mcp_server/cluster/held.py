"""What stands behind a path, a setting or a credential of a container: its mounts, and where its environment comes from."""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from mcp_server.cluster.objects import Key, Object, mapping, parts, space_of, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import Container
from mcp_server.cluster.world import Cluster

_CREDENTIAL = Pattern(r"pass|pwd|user|cred|secret|token|key|auth|url|uri|dsn|connection|account", re.I)


def mounted(cluster: Cluster, item: Container, path: str) -> tuple[str, str]:
    """(what is mounted where the path lies, in words; field of that mount or empty)."""
    mounts = [
        (index, mount)
        for index, mount in enumerate(parts(item.spec, "volumeMounts"))
        if (at := words(mount, "mountPath").rstrip("/")) and (path == at or path.startswith(at + "/"))
    ]
    if not mounts or not path.startswith("/"):
        return ("nothing is mounted there, so it is a matter of the image" if path.startswith("/") else "see the quote"), ""
    index, mount = max(mounts, key=lambda pair: len(words(pair[1], "mountPath")))
    name = words(mount, "name")
    volume = next((one for one in parts(item.pod, "spec.volumes") if words(one, "name") == name), {})
    at = words(mount, "mountPath")
    told = f"{at} is volume {name}" + _volume(cluster, space_of(item.pod), volume)
    told += ", mounted read-only" if mount.get("readOnly") is True else ""
    return told, f"volumeMounts[{index}]"


def _volume(cluster: Cluster, space: str, volume: Any) -> str:
    for way, kind, name in (
        ("configMap.name", "ConfigMap", "name"),
        ("secret.secretName", "Secret", "name"),
        ("persistentVolumeClaim.claimName", "PersistentVolumeClaim", ""),
    ):
        if called := words(volume, way):
            held = cluster.get(kind, space, called)
            keys = ", ".join(list(mapping(held or {}, "data"))[:8]) if name else ""
            return f" from {kind} {called}" + (f" (keys: {keys})" if keys else "")
    for plain in ("emptyDir", "hostPath", "projected", "csi", "nfs"):
        if plain in volume:
            return f" ({plain})"
    return ""


def credentials(cluster: Cluster, item: Container) -> tuple[str, list[Key]]:
    """(where its credentials come from, in words, never values; the Secrets named)."""
    told: list[str] = []
    keys: list[Key] = []
    space = space_of(item.pod)
    for env in parts(item.spec, "env"):
        name = words(env, "name")
        ref = mapping(env, "valueFrom.secretKeyRef")
        if ref:
            told.append(f"{name}: Secret {words(ref, 'name')} key {words(ref, 'key')}")
            keys.append(("Secret", space, words(ref, "name")))
        elif _CREDENTIAL.search(name) and ("value" in env or mapping(env, "valueFrom.configMapKeyRef")):
            config = words(env, "valueFrom.configMapKeyRef.name")
            told.append(f"{name}: ConfigMap {config}" if config else f"{name}: written in the template")
    for source in parts(item.spec, "envFrom"):
        if secret := words(source, "secretRef.name"):
            told.append(f"all of Secret {secret}")
            keys.append(("Secret", space, secret))
    return "; ".join(told[:4]) or "no variable that shows", list(dict.fromkeys(keys))


def similar_setting(cluster: Cluster, item: Container, setting: str) -> str:
    """A variable of its environment whose name is near; `none` where there is none."""
    close = difflib.get_close_matches(setting.upper(), list(_names(cluster, item)), n=1, cutoff=0.7)
    return close[0] if close and close[0] != setting else "none"


def _names(cluster: Cluster, item: Container) -> Iterator[str]:
    space = space_of(item.pod)
    for env in parts(item.spec, "env"):
        yield words(env, "name")
    for source in parts(item.spec, "envFrom"):
        for way, kind in (("configMapRef.name", "ConfigMap"), ("secretRef.name", "Secret")):
            held: Object | None = cluster.get(kind, space, words(source, way)) if words(source, way) else None
            yield from mapping(held or {}, "data")

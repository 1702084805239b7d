"""An object without what no cause asks for: values of Secrets and ConfigMaps before all, then what only fills memory."""

import json
import re
from collections.abc import Mapping
from typing import Any

from mcp_server.cluster.objects import MIRROR, kind_of, labels, mapping, moment, name_of, parts, space_of

APPLIED = "veteran/applied-version"
_LAST = "kubectl.kubernetes.io/last-applied-configuration"
_KEPT = (
    "deployment.kubernetes.io/revision", "kubernetes.io/change-cause", "nginx.ingress.kubernetes.io/canary",
    "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class",
    "kubectl.kubernetes.io/restartedAt", MIRROR, APPLIED,
)  # fmt: skip
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[A-Za-z][\w.-]*:\d{2,5}(?:/[\w./-]*)?")
_NAMES_HOST = re.compile(r"(?i)(?:^|[_.-])(?:host|hostname|server|endpoint|addr|address|url|uri)$")
_NAME = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[a-z][a-z0-9.-]{0,120}(?:/[\w./-]*)?")
_VERSION = re.compile(r'"apiVersion"\s*:\s*"([\w./-]{1,80})"')
_DROPPED = ("managedFields", "selfLink", "generateName")


def slim(obj: Mapping[str, Any], *, managed: bool = False) -> dict[str, Any]:
    """The object as causes see it; with `managed` who manages which fields is kept.

    Of a Secret only the names of its keys are left, of a ConfigMap also plain addresses and the configuration of DNS.
    """
    kind = kind_of(obj)
    out = {key: value for key, value in obj.items() if key != "stringData"}
    if kind == "Secret":
        out = {"apiVersion": "v1", "kind": kind, "type": obj.get("type"), "metadata": obj.get("metadata")}
        if "data" in obj or "stringData" in obj:  # of its metadata alone, its keys are not known
            out["data"] = dict.fromkeys(sorted({*mapping(obj, "data"), *mapping(obj, "stringData")}), "")
    elif kind == "ConfigMap":
        dns = space_of(obj) == "kube-system" and name_of(obj).startswith("coredns")
        out["data"] = {str(key): value if dns else _plain(str(key), value) for key, value in mapping(obj, "data").items()}
        out["binaryData"] = dict.fromkeys(mapping(obj, "binaryData"), "")
    out["metadata"] = _metadata(mapping(obj, "metadata"), managed)
    return out


def _plain(key: str, value: object) -> str:
    """A value that is an address and nothing else, or a host or port by its key; everything else is left out."""
    if not isinstance(value, str) or len(value) >= 200:
        return ""
    told = value.strip()
    if _ADDRESS.fullmatch(told) or (_NAMES_HOST.search(key) and _NAME.fullmatch(told)):
        return value
    return value if re.search(r"(?i)(?:^|[_.-])port$", key) and told.isdecimal() else ""


def _metadata(metadata: Mapping[str, Any], managed: bool) -> dict[str, Any]:
    out = {key: value for key, value in metadata.items() if key not in _DROPPED}
    told = labels(metadata, "annotations")
    kept = {key: told[key] for key in _KEPT if key in told}
    if match := _VERSION.search(told.get(_LAST, "")[:2_000]):
        kept[APPLIED] = match[1]
    if "annotations" in metadata:
        out["annotations"] = kept
    times = [
        item["time"]
        for item in parts(metadata, "managedFields")
        if moment(item, "time")
        and item.get("subresource") != "status"
        and "f:spec" in json.dumps(list(mapping(item, "fieldsV1")))
    ]
    if managed:
        out["managedFields"] = parts(metadata, "managedFields")
    elif times:
        out["managedFields"] = [{"time": max(times)}]  # when its specification was last changed
    return out

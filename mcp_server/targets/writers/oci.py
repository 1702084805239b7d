"""Oracle Cloud: power actions through its SDK, only on the version that was planned on (`if-match`), never retried.

The executor may act with another profile than the one that looks: `write_profile` and `write_config_file` among the
environment's options, a file that the server's account need not be able to read.
"""

import time
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.oci_calls import OCID
from mcp_server.core.text import one_line
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.oci_cloud import client, get

WAIT_S, PAUSE_S = 600.0, 1.0
_INSTANCE = {"start": "START", "stop": "SOFTSTOP", "restart": "SOFTRESET"}
_WANTED = {"start": ("RUNNING", "ACTIVE"), "stop": ("STOPPED", "INACTIVE"), "restart": ("RUNNING", "ACTIVE")}
_LOST = ("TERMINATED", "TERMINATING", "DELETED", "DELETING", "FAILED")


def _act(word: str, arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    ocid, options = str(arguments["id"]), doing.environment.options
    match = OCID.fullmatch(ocid)
    if match is None:
        raise WriteFailed("this is no OCID", sure=True)
    try:
        of = client(
            ocid, options.get("write_profile", str(arguments["profile"])),
            options.get("write_config_file") or _text(arguments["config_file"]), _text(arguments["endpoint"]), doing.timeout_s,
        )  # fmt: skip
        version = get(of, ocid).etag if doing.before.get("etag") is None else str(doing.before["etag"])
    except CouldNotLook as failure:
        raise WriteFailed(failure.sentence(), sure=True) from None
    except Exception as error:  # noqa: BLE001 -- the SDK's own kinds; nothing was sent that changes anything
        raise WriteFailed(_said(error), sure=True) from None
    try:
        if match[1] == "instance":
            of.instance_action(ocid, _INSTANCE[word], if_match=version)
        else:
            getattr(of, f"{word}_container_instance")(ocid, if_match=version)
    except Exception as error:  # noqa: BLE001 -- the SDK's own kinds
        refused = getattr(error, "status", 0) in (400, 401, 403, 404, 409, 412)
        raise WriteFailed(_said(error), sure=refused) from None
    return _waited(of, ocid, word)


def _waited(of: Any, ocid: str, word: str) -> str:
    """Until it is as wanted: the control plane answers before it has begun."""
    end, changed = time.monotonic() + WAIT_S, word != "restart"
    state = ""
    while time.monotonic() < end:
        try:
            state = get(of, ocid).state
        except Exception as error:  # noqa: BLE001 -- it was sent; what became of it is open
            raise WriteFailed(f"{word} was accepted, but its end could not be seen: {_said(error)}") from None
        changed = changed or state not in _WANTED[word]
        if state in _LOST:
            raise WriteFailed(f"it is {state}")
        if state in _WANTED[word] and (changed or time.monotonic() > end - WAIT_S + 5 * PAUSE_S):
            return f"{word} done: {state}"
        time.sleep(PAUSE_S)
    raise WriteFailed(f"it is {state} {WAIT_S:g} s after {word} was accepted")


def _said(error: Exception) -> str:
    status = getattr(error, "status", None)
    return (
        f"Oracle Cloud answered {status}: {one_line(getattr(error, 'message', error), 200)}" if status else one_line(error, 200)
    )


def _text(value: JsonValue) -> str | None:
    return None if value is None else str(value)


def _start(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    return _act("start", arguments, doing)


def _stop(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    return _act("stop", arguments, doing)


def _restart(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    return _act("restart", arguments, doing)


VERBS: dict[str, Any] = {"start_resource": _start, "stop_resource": _stop, "restart_resource": _restart}

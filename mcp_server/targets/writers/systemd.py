"""systemd: `systemctl` by argv, one unit at a time."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.writers.run import run


def _unit(arguments: Mapping[str, JsonValue]) -> str:
    return str(arguments["unit"])


def _act(word: str, arguments: Mapping[str, JsonValue], doing: Doing, *, fresh: bool) -> str:
    unit = _unit(arguments)
    if fresh and doing.before.get("result") != "success":
        # a unit that gave up starting refuses to start until its counter is reset; one that never failed needs nothing
        run(["systemctl", "reset-failed", "--", unit], doing)
    done = run(["systemctl", "--no-ask-password", word, "--", unit], doing)
    if done.exit != 0:
        raise WriteFailed(f"systemctl {word} ended with status {done.exit}: {done.said}")
    return f"systemctl {word} ended well"


def _start(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    return _act("start", arguments, doing, fresh=True)


def _restart(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    return _act("restart", arguments, doing, fresh=True)


def _stop(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    return _act("stop", arguments, doing, fresh=False)


def _reload(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    return _act("reload", arguments, doing, fresh=False)


VERBS: dict[str, Any] = {"start_unit": _start, "stop_unit": _stop, "restart_unit": _restart, "reload_unit": _reload}

"""A systemd unit as `systemctl show` describes it. Pure: text in, record out."""

import re
from datetime import UTC, datetime

from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun

PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,Result,Type,Restart,NRestarts,MainPID,ExecMainStatus,ExecMainStartTimestamp,"
    "StateChangeTimestamp,FragmentPath,WorkingDirectory,TriggeredBy"
)
_EXIT = {
    200: "its working directory cannot be entered", 203: "its program cannot be executed", 216: "its group is unknown",
    217: "its user is unknown", 226: "its sandbox cannot be set up",
}  # fmt: skip


class Unit(Noun):
    """State of one unit. `main_pid` is 0 where no main process runs or systemd does not know it."""

    name: str
    load: str
    state: str
    sub: str = ""
    result: str = ""
    type: str = ""
    restart: str = "no"
    restarts: int = 0
    main_pid: int = 0
    status: int = 0
    started: Moment | None = None
    changed: Moment | None = None
    paths: tuple[str, ...] = ()
    triggered_by: str = ""

    def reason(self) -> str:
        """What its exit status means where systemd itself set it."""
        return _EXIT.get(self.status, "its log says why")

    def gave_up(self) -> bool:
        """Whether systemd stopped restarting it. Since 252 an automatic restart leaves the last failure as the result."""
        again = self.restart in ("always", "on-failure") and self.restarts > 0
        return self.state == "failed" and (self.result == "start-limit-hit" or again)

    def loops(self, now: datetime, restarts: int, recent_s: int) -> bool:
        """Whether it waits for its next start after a restart, or was restarted often and only just started again."""
        if self.sub == "auto-restart":
            return self.restarts > 0
        recent = self.started is not None and (now - self.started).total_seconds() <= recent_s
        return self.state in ("active", "activating") and self.restarts >= restarts and recent

    def rests(self) -> bool:
        """Whether not running is its normal state: a job that ended well, or one that a timer or socket starts."""
        return self.result == "success" and (self.type == "oneshot" or bool(self.triggered_by))


def read_unit(text: str) -> Unit | None:
    """The unit in the output of `systemctl show --property=PROPERTIES`; None when the text is no such output."""
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if not told.get("Id") or not told.get("ActiveState"):
        return None
    paths = (told.get("FragmentPath", ""), told.get("WorkingDirectory", "").lstrip("!"))
    return Unit(
        name=told["Id"], load=told.get("LoadState", "loaded"), state=told["ActiveState"], sub=told.get("SubState", ""),
        result=told.get("Result", ""), type=told.get("Type", ""), restart=told.get("Restart", "no"),
        restarts=_number(told.get("NRestarts")), main_pid=_number(told.get("MainPID")),
        status=_number(told.get("ExecMainStatus")), started=moment(told.get("ExecMainStartTimestamp", "")),
        changed=moment(told.get("StateChangeTimestamp", "")), triggered_by=told.get("TriggeredBy", ""),
        paths=tuple(path for path in paths if path.startswith("/") and path != "/"),
    )  # fmt: skip


def moment(text: str) -> datetime | None:
    """`Fri 2026-11-20 12:54:25.093126 UTC` as systemctl prints it; None when empty or in a zone that is only a local name."""
    match = re.fullmatch(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (?:UTC|GMT)", text.strip())
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None
    except ValueError:  # digits in the right places that are no date
        return None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0

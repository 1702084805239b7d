"""The state of units as `systemctl show` tells it, and what it says of their past: where no journal can, it is all there is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mcp_server.core.change import Window
from mcp_server.core.clock import stamp
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader
from mcp_server.core.systemd import moment
from mcp_server.core.unit_events import Happening, silent

EVERY = ("*.service", "*.timer", "*.socket", "*.path")
_PROPERTIES = (
    "Id,ActiveState,Result,ActiveEnterTimestamp,InactiveEnterTimestamp,LastTriggerUSec,NeedDaemonReload,TriggeredBy,"
    "Triggers,Type,ExecMainStatus"
)


class States(NamedTuple):
    """Properties by unit, and the evidence for them; both empty where nobody was asked."""

    units: Mapping[str, Mapping[str, str]] = {}
    evidence: str = ""

    def of(self, unit: str, name: str) -> str:
        """One property, empty where it is not known."""
        return self.units.get(unit, {}).get(name, "")


def shown(reader: Reader, names: Sequence[str]) -> States:
    """Properties of the units that these names or patterns mean. Raises CouldNotLook where systemd does not run.

    systemd is asked once for each unit that is meant: ask for as few as will do.
    """
    argv = ("systemctl", "show", "--all", f"--property={_PROPERTIES}", *names)
    try:
        seen = reader.run((*argv, "--timestamp=us+utc"))
        if seen.value.exit and "timestamp" in seen.value.err:  # older than 247
            seen = reader.run(argv)
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        remedy = "ask on the host itself, or look at what supervises the services here"
        raise CouldNotLook("systemctl", "missing", "no systemd is installed here", remedy) from None
    told = seen.value
    if "not been booted with systemd" in told.err or "Failed to connect to bus" in told.err:
        detail = "systemd does not run here, or its bus cannot be reached"
        remedy = "ask on the host itself, or look at what supervises the services here"
        raise CouldNotLook("systemctl", "denied" if "denied" in told.err else "missing", detail, remedy)
    units: dict[str, dict[str, str]] = {}
    for block in told.out.split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("Id"):
            units[fields["Id"]] = fields
    if told.cut:
        reader.cut(f"state of systemd's units: {told.cut}", "systemctl show --all")
    elif told.exit and units:
        reader.blind("state of some units", f"failed: systemctl ended with {told.exit}", "systemctl show --all")
    if not units:
        raise CouldNotLook("systemctl", "failed", f"systemctl ended with {told.exit} and told of no unit", "systemctl status")
    return States(units, seen.evidence)


def happened(shown: Mapping[str, Mapping[str, str]], window: Window) -> Iterator[Happening]:
    """What the present state of units says of their past: without a journal it is all there is."""
    for name, unit in shown.items():
        kind, at = "start", moment(unit.get("ActiveEnterTimestamp", ""))
        ended = moment(unit.get("InactiveEnterTimestamp", ""))
        if name.endswith((".timer", ".path", ".socket")):
            fired = moment(unit.get("LastTriggerUSec", ""))
            if fired and window.since <= fired <= window.until:
                for job in unit.get("Triggers", "").split()[:1]:
                    yield Happening(unit=job, kind="run", at=fired, stamp=unit["LastTriggerUSec"], why="timer")
            continue
        if silent(name):
            continue
        if unit.get("ActiveState") == "failed":
            kind, at = "fail", ended
        elif unit.get("ActiveState") == "inactive":
            kind, at = "stop", ended
            if unit.get("TriggeredBy") or unit.get("Type") == "oneshot":
                kind = "run"
        if at and window.since <= at <= window.until:
            why = unit.get("Result", "") if kind == "fail" else ""
            status = unit.get("ExecMainStatus", "") if why else ""
            yield Happening(unit=name, kind=kind, at=at, stamp=stamp(at), why=why, status=status)

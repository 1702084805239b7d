"""Whose port is it: whether the process that holds a port is the service that was asked about, or somebody else."""

from mcp_server.core.calls import Process
from mcp_server.core.noun import Noun
from mcp_server.core.processes import ancestors, by_pid, kin
from mcp_server.core.systemd import Unit


class Holding(Noun):
    """Who holds a port, and what is known of the service: its unit, the processes that match its words, their ancestors."""

    words: bool
    """Whether words of its command line were given."""
    unit: Unit | None = None
    matching: tuple[Process, ...] | None = None
    """None where no words were given, or processes could not be seen."""
    owners: tuple[Process, ...] = ()
    family: tuple[Process, ...] = ()


def strangers(seen: Holding) -> tuple[Process, ...]:
    """Owners of the port when none of them is the service or kin to it; empty where that cannot be told."""
    return () if related(seen) or unnamed(seen) else seen.owners


def unnamed(seen: Holding) -> bool:
    """Whether nothing says which process the service would be."""
    unit = seen.unit
    if seen.words or unit is None:
        return seen.matching is None
    return unit.load != "loaded" or (unit.state == "active" and not unit.main_pid)


def related(seen: Holding) -> bool:
    """Whether an owner of the port belongs to the unit, or matches, or is an ancestor or descendant of one that does."""
    unit, matching = seen.unit, seen.matching or ()
    known = by_pid((*seen.family, *seen.owners, *matching))
    for owner in seen.owners:
        lineage = {owner.pid, *(item.pid for item in ancestors(owner, known))}
        ours = unit is not None and (owner.unit == unit.name or unit.main_pid in lineage)
        if ours or any(kin(owner, item, known) for item in matching):
            return True
    return False

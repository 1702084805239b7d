"""Who has a file open: the open files of every process, through the helper where this process is locked."""

import os

from mcp_server.core.reader import Limits
from mcp_server.core.state_calls import Holders, ReadHolders
from mcp_server.targets.lookout import open_files
from mcp_server.targets.processes import pids, stat_of


def read(call: ReadHolders, limits: Limits) -> Holders:
    """Every process asked once. One that ends meanwhile holds nothing; one that refuses to tell is counted.

    Process 1 is not: it starts others and keeps no file of theirs, and in a container it may belong to somebody else.
    """
    wanted = {os.path.realpath(path): path for path in call.paths}
    held: dict[str, list[int]] = {}
    hidden = 0
    for number, pid in enumerate(pids()):
        if number % 16 == 0:
            limits.check()
        try:
            found = {item.target for item in open_files(pid)}
        except PermissionError:
            hidden += pid != 1
            continue
        except OSError:
            hidden += stat_of(pid) is not None  # there, and not to be seen
            continue
        for target in found & wanted.keys():
            held.setdefault(wanted[target], []).append(pid)
    return Holders(held={path: tuple(numbers) for path, numbers in held.items()}, hidden=hidden)

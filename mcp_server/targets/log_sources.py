"""Where logs are: plain files, the rotated set of a file, packed files. All inside the allowed roots, leaving no trace."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.rotation import rank, rotated_names
from mcp_server.core.settings import ReadSettings
from mcp_server.core.source import Opened
from mcp_server.targets.inflate import Inflated, form_of
from mcp_server.targets.opening import Gate, check_form, explain, failed, moment, open_checked, shown

MAX_MEMBERS = 400


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a rotated set. `modified` bounds its records from above: nothing was written to it later."""

    path: str
    size: int
    modified: datetime
    seconds: float


class LogFile(Opened):
    """A plain log file, read by position."""

    stopped: str | None = None
    damaged = False
    form = None

    def __init__(self, name: str, handle: int) -> None:
        """`handle` is closed by `close`."""
        found = os.fstat(handle)

        def read(offset: int, length: int) -> bytes:
            try:
                return os.pread(handle, min(length, 8_388_608), offset)
            except OSError as error:
                raise explain(name, error) from None

        super().__init__(
            name, found.st_size, read, inode=(found.st_dev, found.st_ino), close=lambda: os.close(handle)
        )  # fmt: skip


Source = LogFile | Inflated


def members(path: str, policy: ReadSettings, *, rotated: bool = True) -> list[Member]:
    """The file and what was rotated away from it, oldest first. Raises CouldNotLook when nothing of that name is there.

    Names: `app.log.1`, `app.log.2.gz`, `app.log-20261119.xz`, `app.log.2026-11-19`, `app-20261119.log`, `app.1.log`.
    """
    check_form(path)
    Gate(policy).check(path, os.path.realpath(path))
    folder, name = os.path.split(path)
    found = [item for item in [_member(path, other=True)] if item]
    trouble: OSError | None = None
    if rotated:
        try:
            belongs = rotated_names(name).fullmatch
            with os.scandir(folder or "/") as entries:
                names = [entry.name for entry in entries if entry.name != name and belongs(entry.name)]
            older = [item for item in (_member(os.path.join(folder, other)) for other in names) if item]
            found += sorted(older, key=lambda item: item.seconds, reverse=True)[:MAX_MEMBERS]
        except OSError as error:  # a folder may be entered without being listed: then the file alone is read
            trouble = error
    if not found:
        try:
            os.stat(path)
        except OSError as error:
            raise explain(path, error) from None
        raise explain(path, trouble) if trouble else failed(path, "missing", "no such file or folder")
    return sorted(found, key=lambda item: (item.path == path, item.seconds, rank(item.path)))


def unlisted(path: str) -> CouldNotLook | None:
    """Why the folder of `path` cannot be listed, so that its rotated predecessors stay unseen; None when it can."""
    folder = os.path.dirname(path) or "/"
    try:
        with os.scandir(folder):
            return None
    except OSError as error:
        return explain(folder, error)


def open_member(path: str, policy: ReadSettings, limits: Limits, left: Callable[[], float]) -> Source:
    """One file as a source of bytes; a packed one as a stream. Raises CouldNotLook."""
    handle, _ = open_checked(path, Gate(policy))
    name = shown(path)
    try:
        form = form_of(path, os.pread(handle, 8, 0))
        if form is None:
            return LogFile(name, handle)

        def check() -> None:
            limits.check()
            if left() <= 0:
                raise CouldNotLook(name, "timed_out", f"not unpacked within {limits.timeout_s:g} s", "narrow since and until")

        return Inflated(name, handle, form, check)
    except OSError as error:
        os.close(handle)
        raise explain(path, error) from None
    except BaseException:
        os.close(handle)
        raise


def host_zone() -> tuple[tzinfo | None, str]:
    """The zone of this host and its name, from the link /etc/localtime; (None, "UTC") where there is no such link."""
    from zoneinfo import ZoneInfo

    try:
        _, _, name = os.readlink("/etc/localtime").partition("zoneinfo/")
        return (ZoneInfo(name), name) if name else (None, "UTC")
    except (OSError, ValueError, KeyError):
        return None, "UTC"


def _member(path: str, *, other: bool = False) -> Member | None:
    """None for a name that is gone, and (but for `other`) for what is no file; a link is followed."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not other and not stat.S_ISREG(found.st_mode):
        return None
    return Member(path, found.st_size, moment(found.st_mtime), found.st_mtime)

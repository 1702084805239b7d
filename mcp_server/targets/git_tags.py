"""Tags that came to a repository inside a window.

A tag is a small file until git packs it; the file's time is when it came here. Packed tags have no such time: they are
looked through only where packing itself happened in the window, and told by when they were made.
"""

import os
from datetime import datetime, timedelta

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.git_calls import Tag
from mcp_server.targets.git_run import Runner
from mcp_server.targets.opening import Gate, moment, shown

_MOST = 100
_FORM = "%(refname)%00%(objectname)%00%(*objectname)%00%(objecttype)%00%(creatordate:unix)"


def tags_of(git: Runner, common: str, gate: Gate, since: datetime, until: datetime) -> tuple[Tag, ...]:
    """Tags of the window, newest first, at most 100. Raises CouldNotLook."""
    came = _loose(os.path.join(common, "refs", "tags"), gate, since, until)
    names = sorted(came, key=lambda name: came[name], reverse=True)[:_MOST]
    lines = git.lines("for-each-ref", f"--format={_FORM}", *names) if names else []
    if _packed(common, since):
        lines += git.lines("for-each-ref", "--sort=-creatordate", f"--count={_MOST}", f"--format={_FORM}", "refs/tags")
    found: dict[str, Tag] = {}
    for line in lines:
        name, sha, peeled, kind, seconds = (item.decode("utf8", "replace") for item in line.split(b"\0"))
        made = moment(int(seconds)) if seconds.isdigit() else None
        at = came.get(name) or made
        if at is not None and since.replace(microsecond=0) <= at <= until + timedelta(seconds=1):
            short = name.removeprefix("refs/tags/")[:200]
            found.setdefault(
                short,
                Tag(name=short, sha=peeled or sha, at=at, here=name in came, annotated=made if kind == "tag" else None),
            )
    return tuple(sorted(found.values(), key=lambda tag: tag.at, reverse=True))[:_MOST]


def _loose(folder: str, gate: Gate, since: datetime, until: datetime) -> dict[str, datetime]:
    """When each tag that is a file of its own was written, for those of the window."""
    found: dict[str, datetime] = {}
    pending = [folder]
    while pending:
        here = pending.pop()
        gate.check(here, os.path.realpath(here))
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif since <= (at := moment(entry.stat(follow_symlinks=False).st_mtime)) <= until:
                        found["refs/tags/" + shown(os.path.relpath(entry.path, folder))] = at
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CouldNotLook(shown(here), "denied", f"its tags cannot be listed: {error.strerror}") from None
    return found


def _packed(common: str, since: datetime) -> bool:
    try:
        return moment(os.stat(os.path.join(common, "packed-refs")).st_mtime) >= since
    except OSError:
        return False

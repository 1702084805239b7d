"""Which commits and tags reached the checkouts concerned, and which commits left them again?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import PurePosixPath

from mcp_server.core.calls import Commit, History, ReadHistory, StatFile
from mcp_server.core.change import Change, Touched, Window
from mcp_server.core.clock import stamp
from mcp_server.core.clues import class_of, classes_of, is_dependency_list, modules_in, packages_in, ports_in, words_in
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.git_calls import HeadMove, Tag
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount

CHANGE_SOURCE = ChangeSource(question="Which commits and tags were made in, reached, or left the checkouts concerned?")

FILE_CLUES = 100
RESOLUTION_MS = 1_000
"""Git and its reflog stamp whole seconds."""
FUTURE = timedelta(days=3_650)
AHEAD = timedelta(seconds=60)
"""A commit dated later than this after now was stamped by a wrong clock."""


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Commits of every checkout among the folders, each checkout once. Authors are left out: reports are blameless."""
    if not scope.folders:
        reader.blind("git", "no folder was named", "name the checkouts with folders=…, or declare the service in the settings")
    tops: set[str] = set()
    # where the window reaches the present, a commit dated later was stamped by a wrong clock: it is asked for too
    until = window.until if window.until < reader.now - AHEAD else window.until + FUTURE
    for folder in scope.folders:
        with reader.part(f"git history of {folder}"):
            try:
                seen = reader.look(ReadHistory(path=folder, since=window.since, until=until))
            except (CouldNotLook, NotApplicable) as failure:
                if not _outside_any_checkout(reader, folder, failure):
                    raise
                reader.empty(f"git: {folder} is in no checkout")
                continue
            history = seen.value
            if history.top not in tops:
                tops.add(history.top)
                _cover(reader, history)
                diffs: dict[str, list[Commit]] = {}
                for commit in history.commits:
                    diffs.setdefault(commit.digest, []).append(commit)
                yield from (_change(reader, history, commit, diffs, seen.evidence) for commit in history.commits)
                yield from (_tag(history, tag, seen.evidence) for tag in history.tags)
                # where nothing differs only the message was written anew
                yield from (_move(history, move, seen.evidence) for move in history.moves if move.files)


def _outside_any_checkout(reader: Reader, folder: str, failure: CouldNotLook | NotApplicable) -> bool:
    """Whether it is certain that the folder exists and belongs to no checkout; then there was nothing to look at."""
    if isinstance(failure, NotApplicable):
        return True
    if failure.reason != "missing":
        return False
    try:
        reader.look(StatFile(path=folder))
    except CouldNotLook:
        return False
    for parent in (PurePosixPath(folder), *PurePosixPath(folder).parents):
        try:
            reader.look(StatFile(path=str(parent / ".git")))
        except CouldNotLook as absent:
            if absent.reason not in ("missing", "refused"):  # above the allowed roots nothing is ours to know
                return False
        else:
            return False
    return True


def _cover(reader: Reader, history: History) -> None:
    """What the history could not tell."""
    top = history.top
    if history.head is None:
        reader.empty(f"git: {top} has no commits")
    elif not (history.commits or history.tags or history.moves):
        reader.empty(f"git: no commit in the window in {top}")
    if history.reflog_problem:
        reader.blind(f"when commits reached {top}", history.reflog_problem, "times of commits are their authors' clocks")
    if history.cut:
        reader.cut(f"git history of {top}: {history.cut}", "narrow the window with since=… until=…")
    if history.shallow and history.commits:
        reader.cut(f"git history of {top}: a shallow clone, older commits are not here", "git fetch --unshallow elsewhere")


def _change(
    reader: Reader, history: History, commit: Commit, diffs: Mapping[str, Sequence[Commit]], evidence: str
) -> Change:  # fmt: skip
    at, doubt_ms = commit.arrived or commit.committed, RESOLUTION_MS
    future = max(at, commit.committed) > reader.now + AHEAD
    text = "commit {commit} reached {checkout} ({branch}, files: {files}): {subject}"
    if commit.arrived is None:
        # it took effect at some unknown moment between its own stamp and now
        doubt_ms = max(RESOLUTION_MS, int(abs((reader.now - commit.committed).total_seconds()) * 1000))
        text = "commit {commit} was made in {checkout} or elsewhere ({branch}, files: {files}); arrival not known: {subject}"
    if future:
        text = "commit {commit} in {checkout} is dated in the future ({dated}) ({branch}, files: {files}): {subject}"
    values: dict[str, Value] = {
        "commit": commit.sha[:12], "checkout": history.top, "branch": history.branch or "detached HEAD",
        "files": len(commit.files), "subject": commit.subject,
    }  # fmt: skip
    values |= {"dated": commit.stamp or commit.committed.isoformat()} if future else {}
    reverse = "-".join(reversed(commit.digest.split("-", 1)))
    undone = next((other for other in diffs.get(reverse, ()) if other is not commit and commit.takes_back(other)), None)
    if undone is not None and undone.committed <= commit.committed:
        text += "; it takes back commit {undone} exactly"
        values |= {"undone": undone.sha[:12]}
    elif commit.digest:
        values |= {"diff": commit.digest}
    return Change(
        source="git", kind="merge" if commit.merge else "commit", classes=classes_of(commit.files), at=at, doubt_ms=doubt_ms,
        stamp=commit.stamp, component=history.top, reference=commit.sha[:12],
        clues=tuple(dict.fromkeys(_clues(history, commit))), words=words_in((*commit.added, *commit.removed)),
        touched=tuple(_touched(history, commit)),
        summary=Statement(text=text, values=values, evidence=(evidence,), at=at),
    )  # fmt: skip


def _touched(history: History, commit: Commit) -> Iterator[Touched]:
    """Places of code that it wrote; what a merge brings was written elsewhere."""
    for hunk in commit.hunks if not commit.merge else ():
        if class_of(hunk.file) == "code":
            path = str(PurePosixPath(history.top, hunk.file))
            yield Touched(
                path=path, first=hunk.first, last=hunk.last, removed=hunk.removed, code=hunk.code, defines=hunk.defines
            )


def _tag(history: History, tag: Tag, evidence: str) -> Change:
    """A tag changes nothing by itself, so it shares no trace with anything; it says that somebody released."""
    text = "tag {tag} of commit {commit} came to {checkout}"
    if not tag.here:
        text = "tag {tag} of commit {commit} was made; when it came to {checkout} is not known"
    values: dict[str, Value] = {"tag": tag.name, "commit": tag.sha[:12], "checkout": history.top}
    return Change(
        source="git", kind="tag", classes=("other",), at=tag.at, doubt_ms=RESOLUTION_MS, stamp=stamp(tag.annotated or tag.at),
        component=history.top, reference=tag.name,
        summary=Statement(text=text, values=values, evidence=(evidence,), at=tag.at),
    )  # fmt: skip


def _move(history: History, move: HeadMove, evidence: str) -> Change:
    """Commits that left: a rollback deploys too."""
    text = "{checkout} went back from commit {old} to {new}: {lost} left (files: {files})"
    if move.brought:
        text = (
            "{checkout} went from commit {old} to {new}, which does not follow it: {lost} left, {brought} came (files: {files})"
        )
    values: dict[str, Value] = {
        "checkout": history.top, "old": move.old[:12], "new": move.new[:12], "lost": amount(move.lost, "commit"),
        "brought": amount(move.brought, "commit"), "files": len(move.files),
    }  # fmt: skip
    paths = (f"path:{PurePosixPath(history.top, file)}" for file in move.files[:FILE_CLUES])
    return Change(
        source="git", kind="switch" if move.brought else "rollback", classes=classes_of(move.files), at=move.at,
        doubt_ms=RESOLUTION_MS, stamp=stamp(move.at), component=history.top, reference=move.new[:12],
        clues=(f"path:{history.top}", *paths),
        summary=Statement(text=text, values=values, evidence=(evidence,), at=move.at),
    )  # fmt: skip


def _clues(history: History, commit: Commit) -> Iterable[str]:
    """Files touched, and what the changed lines import, require and listen on."""
    lines = (*commit.added, *commit.removed)
    yield f"path:{history.top}"
    yield from (f"path:{PurePosixPath(history.top, file)}" for file in commit.files[:FILE_CLUES])
    if any(file.endswith((".py", ".pyi")) for file in commit.files):
        yield from modules_in(lines)
    lists = [file for file in commit.files if is_dependency_list(file)]
    if lists:
        yield from packages_in(lines, bare=len(lists) == len(commit.files))
    yield from ports_in(lines)

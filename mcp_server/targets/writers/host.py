"""A host's files, processes and packages: each act on exactly what was planned on, checked once more by descriptor."""

import hashlib
import os
import posixpath
import re
import signal
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from mcp_server.core.clock import from_epoch, stamp
from mcp_server.core.kept import kept_name
from mcp_server.core.lockfile import pins_of, sources_of
from mcp_server.core.text import amount, bytes_text
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.writers.process import signalled
from mcp_server.targets.writers.run import run

END_S = 10.0
MOST_BYTES = 4_194_304


def _end(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    ticks = doing.before.get("started_ticks")
    if not isinstance(ticks, int):
        raise WriteFailed("the plan does not say when the process started", sure=True)
    pid, number = int(str(arguments["pid"])), signal.Signals[f"SIG{arguments['signal']}"]
    signalled(pid, ticks, number, wait_s=END_S)
    return f"process {pid} ended"


# --- files ------------------------------------------------------------------------------------------------------------


def _restore(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    path, copy = str(arguments["path"]), str(arguments["copy_path"])
    _straight(path)
    wanted = doing.before.get("copy")
    with _regular(copy) as (handle, found):
        if not isinstance(wanted, dict) or not _same(found, wanted):
            raise WriteFailed(f"{copy} is another one now", sure=True)
        data = _whole(handle)
        if wanted.get("sha256") not in (None, hashlib.sha256(data).hexdigest()):
            raise WriteFailed(f"{copy} holds something else now", sure=True)
    model = found
    with suppress(FileNotFoundError), _regular(path) as (handle, found):
        if not _same(found, doing.before):
            raise WriteFailed(f"{path} is another one now", sure=True)
        _keep(_whole(handle), found, doing, kept_name(path, doing.before))
        model = found
    _replace(path, data, model.st_mode, model.st_uid, model.st_gid, None)
    return f"{path} replaced, {len(data):,} bytes"


def _put_back(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    path, kept = str(arguments["path"]), str(arguments["kept"])
    _straight(path)
    if not kept:
        with suppress(FileNotFoundError):
            os.unlink(path)
        return f"{path} taken away"
    if not re.fullmatch(r"[0-9a-f]{64}", kept):
        raise WriteFailed("what was kept has no such name", sure=True)
    try:
        with _regular(str(doing.vault / kept)) as (handle, found):
            _replace(path, _whole(handle), found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns)
    except FileNotFoundError:
        raise WriteFailed(f"nothing was kept of {path}, so it was not replaced", sure=True) from None
    return f"{path} is what it was"


def _straight(path: str) -> None:
    """Raises WriteFailed where a folder above has become a link meanwhile."""
    folder = posixpath.dirname(path)
    if os.path.realpath(folder) != folder:
        raise WriteFailed(f"{folder} leads somewhere else by a link", sure=True)


@contextmanager
def _regular(path: str) -> Iterator[tuple[int, os.stat_result]]:
    """A regular file, opened without following a link at its end. Raises FileNotFoundError, WriteFailed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise WriteFailed(f"{path} cannot be opened: {error.strerror}", sure=True) from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            raise WriteFailed(f"{path} is no regular file of at most {MOST_BYTES:,} bytes", sure=True)
        yield handle, found
    finally:
        os.close(handle)


def _whole(handle: int) -> bytes:
    parts = []
    while part := os.read(handle, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _same(found: os.stat_result, state: Mapping[str, JsonValue]) -> bool:
    """Whether it is still the file that was planned on, as far as its size and time tell."""
    return found.st_size == state.get("size") and stamp(from_epoch(found.st_mtime)) == state.get("modified")


def _keep(data: bytes, found: os.stat_result, doing: Doing, name: str) -> None:
    try:
        doing.vault.mkdir(exist_ok=True, mode=0o700)
        _replace(str(doing.vault / name), data, found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns)
    except (OSError, WriteFailed) as error:
        raise WriteFailed(f"the old content cannot be kept ({error}), so nothing is replaced", sure=True) from None


def _replace(path: str, data: bytes, mode: int, user: int, group: int, modified_ns: int | None) -> None:
    """Written whole beside it, made durable, then renamed: whoever reads sees the old or the new, never a part."""
    folder, name = posixpath.split(path)
    draft = posixpath.join(folder, f".{name[:200]}.{os.getpid()}.new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(handle, "wb") as file:
                file.write(data)
                file.flush()
                with suppress(PermissionError):  # only root may give a file away
                    os.fchown(handle, user, group)
                os.fchmod(handle, stat.S_IMODE(mode))
                if modified_ns is not None:
                    os.utime(handle, ns=(modified_ns, modified_ns))
                os.fsync(handle)
            os.rename(draft, path)
        except OSError:
            with suppress(OSError):
                os.unlink(draft)
            raise
        above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(above)
        finally:
            os.close(above)
    except OSError as error:
        raise WriteFailed(f"{path} could not be written: {error.strerror}") from None


# --- space ------------------------------------------------------------------------------------------------------------


def _clear(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    folder, listed = str(arguments["folder"]), doing.before.get("files")
    _straight(f"{folder}/x")
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise WriteFailed(f"{folder} cannot be opened: {error.strerror}", sure=True) from None
    removed, freed = 0, 0
    try:
        for item in listed if isinstance(listed, list) else []:
            if not (isinstance(item, list) and len(item) == 3 and isinstance(item[0], str)) or "/" in item[0]:
                raise WriteFailed("the plan names something that is no file of the folder", sure=not removed)
            name = item[0]
            found = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode) or not _same(found, {"size": item[1], "modified": item[2]}):
                raise WriteFailed(f"{name} is another one now; {amount(removed, 'file')} were removed before", sure=not removed)
            os.unlink(name, dir_fd=handle)
            removed, freed = removed + 1, freed + found.st_size
    except OSError as error:
        raise WriteFailed(f"{error.filename}: {error.strerror}; {amount(removed, 'file')} were removed before") from None
    finally:
        os.close(handle)
    return f"{amount(removed, 'file')} removed, {bytes_text(freed)}"


# --- packages ---------------------------------------------------------------------------------------------------------


def _install(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    names = [str(name) for name in _list(arguments["packages"])]
    wanted = [name for name in names if doing.before.get(f"installed {name}") is None]
    lines = _pinned(str(arguments["requirements"]), wanted, doing.before)
    doing.vault.mkdir(exist_ok=True, mode=0o700)
    text = "\n".join(lines) + "\n"
    file = doing.vault / f"{hashlib.sha256(text.encode()).hexdigest()}.txt"
    file.write_text(text, encoding="utf8")
    argv = [*_pip(arguments), "install", "--require-hashes", "--no-deps", "--no-input", "--disable-pip-version-check",
            "--only-binary=:all:", "--requirement", str(file)]  # fmt: skip
    done = run(argv, doing, program=argv[0])
    if done.exit != 0:
        raise WriteFailed(f"pip ended with status {done.exit}: {done.said}")
    return f"installed: {', '.join(wanted)}"


def _uninstall(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    names = [str(name) for name in _list(arguments["packages"])]
    argv = [*_pip(arguments), "uninstall", "--yes", "--disable-pip-version-check", "--", *names]
    done = run(argv, doing, program=argv[0])
    if done.exit != 0:
        raise WriteFailed(f"pip ended with status {done.exit}: {done.said}")
    return f"taken away: {', '.join(names)}"


def _pip(arguments: Mapping[str, JsonValue]) -> list[str]:
    """pip of that environment, run apart from whatever folder and user site there is."""
    python = str(arguments["python"])
    if not Path(python).is_file():
        python = str(Path(python, "bin", "python"))
    if not os.access(python, os.X_OK):
        raise WriteFailed(f"{python} cannot be run", sure=True)
    return [python, "-I", "-m", "pip"]


def _pinned(lock: str, names: list[str], before: Mapping[str, JsonValue]) -> list[str]:
    """The lock's own lines for these packages, and its lines that say where packages come from."""
    text = Path(lock).read_text(encoding="utf8")
    found = {
        name: pin.line for name, pin in pins_of(text).items() if pin.version == before.get(f"pinned {name}") and pin.hashes
    }
    if missing := [name for name in names if name not in found]:
        raise WriteFailed(f"{', '.join(missing)} is not pinned any more as it was planned", sure=True)
    return sources_of(text) + [found[name] for name in names]


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


VERBS: dict[str, Any] = {
    "end_process": _end, "restore_file": _restore, "put_back": _put_back, "clear_files": _clear,
    "install_packages": _install, "uninstall_packages": _uninstall,
}  # fmt: skip

"""Which kernel runs, which were installed, and what changed of its modules and its command line?

The kernel keeps no time of a module's loading: only files of modules, and what it said (see kernel_messages), can tell.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from mcp_server.core.calls import HostFacts, ListFolder, ReadHost, StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.edits import change_of, edits, when
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal import Journal
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader, Seen

CHANGE_SOURCE = ChangeSource(
    question="Which kernel runs, which were installed, what changed of its modules' files and its command line? "
    "(The kernel keeps no time of a module's loading.)"
)

AT_BOOT = (
    "/etc/default/grub", "/etc/default/grub.d", "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/loader", "/etc/kernel",
    "/etc/modules", "/etc/modules-load.d", "/etc/initramfs-tools", "/etc/dracut.conf", "/etc/dracut.conf.d",
)  # fmt: skip
AT_LOADING = ("/etc/modprobe.d",)
MENUS = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
BACK = timedelta(days=30)
_OWN = ("BOOT_IMAGE=", "initrd=", "root=", "ro", "rw")


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Images installed, a boot into another one, edits of what the next boot reads, modules that came and went."""
    host: Seen[HostFacts] | None = None
    with reader.part("running kernel"):
        host = reader.look(ReadHost(sample_s=0))
    found = list(_installed(reader, window, host))
    if host:
        found += _modules(reader, window, host)
        if window.since <= host.value.booted <= window.until:
            found += _booted(reader, window, scope, host)
            found += _parameters(reader, host)
    for edit in edits(reader, window, AT_BOOT, depth=2):
        add, values = "", dict[str, Value]()
        if host and edit.at > host.value.booted:
            add = "; it counts from the next boot on"
        elif host:
            add, values = "; it counts since the boot at {booted}", {"booted": stamp(host.value.booted)}
        evidence = (host.evidence,) if host else ()
        found.append(change_of(edit, "kernel", edit.entry.path, ("infrastructure",), add=add, values=values, evidence=evidence))
    for edit in edits(reader, window, AT_LOADING):
        found.append(
            change_of(edit, "kernel", edit.entry.path, ("infrastructure",), add="; modules loaded since are concerned")
        )
    yield from found
    if not found:
        reader.empty("kernel: no image, module file or boot parameter changed in the window")


def _installed(reader: Reader, window: Window, host: Seen[HostFacts] | None) -> Iterator[Change]:
    """Kernel images that came into /boot."""
    with reader.part("kernel images"):
        try:
            seen = reader.look(ListFolder(path="/boot", pattern="vmlinuz-*"))
        except CouldNotLook as failure:
            if failure.reason != "missing":
                raise
            reader.empty("kernel: no /boot here, as in a container")
            return
        for entry in seen.value.entries:
            moment = when(entry, window)
            if moment is None:
                continue
            version = PurePosixPath(entry.path).name.removeprefix("vmlinuz-")
            at = max(entry.changed, moment[1]) if window.since <= entry.changed <= window.until else moment[1]
            text, values = "kernel {version} was installed", dict[str, Value](version=version)
            if host:
                values["running"] = host.value.kernel
                text += (
                    "; {running} runs, so it counts from the next boot on" if version != host.value.kernel else " and runs now"
                )
            yield _change("install", at, version, text, values, (seen.evidence, *([host.evidence] if host else [])),
                          (f"path:{entry.path}",))  # fmt: skip


def _modules(reader: Reader, window: Window, host: Seen[HostFacts]) -> Iterator[Change]:
    """Modules of the running kernel that were removed, or whose index was made anew."""
    with reader.part("modules of the running kernel"):
        folder, release = "/lib/modules", host.value.kernel
        try:
            seen = reader.look(ListFolder(path=folder))
        except CouldNotLook as failure:
            if failure.reason != "missing":
                raise
            return
        names = [PurePosixPath(entry.path).name for entry in seen.value.entries]
        if names and release not in names:
            top = reader.look(StatFile(path=seen.value.path))
            if window.since <= top.value.modified <= window.until:
                text = "the modules of the running kernel {running} were removed: none can be loaded before the next boot"
                yield _change("remove", top.value.modified, release, text, {"running": release}, (top.evidence, seen.evidence))
        elif release in names:
            index = reader.look(StatFile(path=f"{folder}/{release}/modules.dep"))
            if window.since <= index.value.modified <= window.until:
                text = "the index of modules of the running kernel {running} was made anew: modules came or went"
                yield _change("edit", index.value.modified, release, text, {"running": release}, (index.evidence,))


def _booted(reader: Reader, window: Window, scope: Scope, host: Seen[HostFacts]) -> Iterator[Change]:
    """A boot into another kernel than the one before, as the kernels themselves said in the journal."""
    with reader.part("journal"):
        longer = Window(since=window.since - BACK, until=window.until)
        journal = Journal(reader, window, scope.journal)
        seen = journal.entries(
            (("_TRANSPORT=kernel", "PRIORITY=5"),), fields=("MESSAGE",), what="versions of the kernel",
            grep="^Linux version ", limit=10, window=longer,
        )  # fmt: skip
        said = [(entry.boot, entry.get("MESSAGE").split(" ")[2]) for entry in seen.value.entries]
        versions = [version for index, (boot, version) in enumerate(said) if index == 0 or said[index - 1][0] != boot]
        if len(versions) > 1 and versions[-1] == host.value.kernel != versions[-2]:
            text = "the host was booted into kernel {new}; before it ran {old}"
            values: dict[str, Value] = {"new": versions[-1], "old": versions[-2]}
            yield _change("upgrade", host.value.booted, versions[-1], text, values, (seen.evidence, host.evidence))


def _parameters(reader: Reader, host: Seen[HostFacts]) -> Iterator[Change]:
    """Parameters given by hand at the boot prompt: they stand in the running command line and in no entry of the menu."""
    with reader.part("command line of the kernel"):
        running = _own(reader.file("/proc/cmdline").value.text.split())
        for menu in MENUS:
            try:
                seen = reader.file(menu, length=1_048_576)
            except CouldNotLook as failure:
                if failure.reason != "missing":
                    raise
                continue
            lines = [line.split()[2:] for line in seen.value.text.splitlines() if line.split()[:1] in (["linux"], ["linuxefi"])]
            known = [set(_own(line)) for line in lines]
            extra = [word for word in running if not any(word in line for line in known)]
            if known and extra:
                text = "the kernel was booted with parameters that {menu} does not give: {extra}"
                values: dict[str, Value] = {"menu": menu, "extra": " ".join(extra)[:300]}
                yield _change(
                    "parameters", host.value.booted, "kernel command line", text, values, (seen.evidence, host.evidence)
                )


def _own(words: list[str]) -> list[str]:
    return [word for word in words if not word.startswith(_OWN[:3]) and word not in _OWN and "$" not in word]


def _change(
    kind: str, at: datetime, component: str, text: str, values: dict[str, Value], evidence: tuple[str, ...],
    clues: tuple[str, ...] = (),
) -> Change:  # fmt: skip
    return Change(
        source="kernel", kind=kind, classes=("infrastructure",), at=at, doubt_ms=2_000, stamp=stamp(at), component=component,
        clues=clues, summary=Statement(text=text, values=values, evidence=evidence, at=at),
    )  # fmt: skip

"""What a snapshot holds, part by part: each a function that looks and tells things with their states."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mcp_server.core.calls import ListFolder, ReadHost, ReadSockets, StatFile, Which
from mcp_server.core.clock import stamp
from mcp_server.core.clues import canonical
from mcp_server.core.declare import Scope
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.processes import listeners
from mcp_server.core.reader import Reader
from mcp_server.core.state_calls import CERTIFICATE_PLACES, TOOL_FOLDERS, DigestFiles, ReadCertificates
from mcp_server.core.text import amount
from mcp_server.logs.package_log import DATABASES
from mcp_server.logs.python_locks import INFO, environment_of

Pairs = Iterator[tuple[str, str]]
"""(item, state in one line)."""

_VOLATILE = re.compile(
    r"fs\.(?:dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota\.\w+|nfs\.\w*count\w*)|kernel\.(?:ns_last_pid|pty\.nr"
    r"|random\.\w+|hostname_\w+|sched_domain\..*|tainted_\w+)|dev\.cdrom\..*|net\.netfilter\.nf_conntrack_count"
    r"|net\.ipv[46]\.(?:conf|neigh)\.(?:veth|br-|cali|cni|flannel|docker|tap|vnet).*|.*\.stable_secret"
    r"|net\.ipv4\.tcp_fastopen_key|vm\.stat_refresh|kernel\.perf_event_max_sample_rate"
)
"""Counters, random numbers and interfaces of containers: they differ at every look."""
OWNERS = "owners of listening sockets"
_PASSING = re.compile(r"(?:user|user-runtime-dir|session|run|systemd-(?:coredump|hibernate|suspend)).*@.*|run-.*|session-.*")
"""Units of logins and of single commands: they come and go."""
_PASSING_MOUNTS = ("/run/user/", "/run/credentials/", "/run/docker/", "/var/lib/docker/", "/var/lib/kubelet/", "/run/netns/")
_ENGINES = ("/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/podman/podman.sock")
_EPHEMERAL = 32_768
"""From this UDP port on it is a client that waits for an answer."""
_DENIED = re.compile(r"permission denied on key ['\"]?([\w./-]+)")


@dataclass(frozen=True)
class PartKind:
    """One part: the programs it runs, and how it looks. `collect` notes what it could not see with its reader."""

    collect: Callable[[Reader, Scope], Pairs]
    commands: tuple[str, ...] = ()
    states_only: tuple[str, ...] = ()
    """Blind spots that hide states, not things: what is there is known all the same."""


def _kernel(reader: Reader, scope: Scope) -> Pairs:
    host = reader.look(ReadHost(sample_s=0)).value
    yield "release", host.kernel
    yield "system", host.system
    yield "host name", host.hostname
    yield "processors", str(host.cpus)
    with reader.part("kernel command line"):
        yield "command line", reader.file("/proc/cmdline").value.text.strip()
    with reader.part("kernel modules"):
        if not _exists(reader, "/proc/modules"):
            reader.empty("kernel: it loads no modules")
            return
        for line in reader.file("/proc/modules").value.text.splitlines():
            yield f"module {line.split(' ', 1)[0]}", "loaded"


def _packages(reader: Reader, scope: Scope) -> Pairs:
    here = [name for name, paths in DATABASES.items() if any(_exists(reader, path) for path in paths)]
    if not here:
        reader.blind("packages", "no package database that is known here", "compare the image")
    for name in here:
        with reader.part(f"packages of {name}"):
            yield from _INSTALLED[name](reader)
    with reader.part("snaps"):
        for folder in ("/snap", "/var/lib/snapd/snap"):
            if _exists(reader, folder):
                for entry in reader.look(ListFolder(path=folder, pattern="current", depth=2)).value.entries:
                    yield f"snap {entry.path.split('/')[-2]}", entry.link or ""


def _dpkg(reader: Reader) -> Pairs:
    form = "${binary:Package}\\t${Version}\\t${db:Status-Abbrev}\\n"
    for line in _output(reader, "dpkg-query", "-W", f"-f={form}"):
        name, version, state = (*line.split("\t"), "", "")[:3]
        if state.strip()[1:2] not in ("n", "c"):  # not installed, or only its configuration is left
            yield name, version if state.strip() == "ii" else f"{version} ({state.strip()})"


def _rpm(reader: Reader) -> Pairs:
    # several versions of one package may be installed side by side, such as kernels
    form = "%{NAME}.%{ARCH}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n"
    found: dict[str, list[str]] = {}
    for line in _output(reader, "rpm", "-qa", f"--qf={form}"):
        name, _, version = line.partition("\t")
        found.setdefault(name, []).append(version)
    yield from ((name, ", ".join(sorted(versions))) for name, versions in found.items())


def _apk(reader: Reader) -> Pairs:
    for line in _output(reader, "apk", "info", "-v"):
        name, version, release = (*line.rsplit("-", 2), "", "")[:3]
        yield name, f"{version}-{release}".strip("-")


def _pacman(reader: Reader) -> Pairs:
    for entry in reader.look(ListFolder(path=DATABASES["pacman"][0])).value.entries:
        parts = entry.path.rsplit("/", 1)[-1].rsplit("-", 2)
        if entry.type == "folder" and len(parts) == 3:
            yield parts[0], "-".join(parts[1:])


_INSTALLED: Mapping[str, Callable[[Reader], Pairs]] = {"dpkg": _dpkg, "rpm": _rpm, "apk": _apk, "pacman": _pacman}


def _units(reader: Reader, scope: Scope) -> Pairs:
    if not _exists(reader, "/run/systemd/system"):
        reader.empty("units: systemd does not run here")
        return
    states: dict[str, list[str]] = {}
    with reader.part("unit files"):
        for line in _output(reader, "systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain"):
            words = line.split()
            if len(words) >= 2:
                states.setdefault(words[0], []).append(words[1])
    with reader.part("state of units"):
        kinds = "--type=service,socket,timer,path,mount"
        for line in _output(reader, "systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", kinds):
            words = line.split()
            # a job that a timer starts is now running and now not: that it waits is no difference
            if len(words) >= 4 and words[2] in ("active", "failed") and words[3] not in ("start", "elapsed", "waiting"):
                states.setdefault(words[0], []).append(f"{words[2]} ({words[3]})")
    for name, told in states.items():
        if not _PASSING.fullmatch(name):
            yield name, ", ".join(told)


def _files(reader: Reader, scope: Scope) -> Pairs:
    for folder in dict.fromkeys(("/etc", *scope.folders)):
        with reader.part(f"files below {folder}"):
            seen = reader.look(DigestFiles(path=folder, skip=TOOL_FOLDERS)).value
            if seen.cut:
                reader.cut(f"files below {folder}: {seen.cut}", "name folders further down with folders=…")
            if seen.unreadable:
                named = ", ".join(seen.unreadable[:3]) + (" …" if len(seen.unreadable) > 3 else "")
                reader.blind(f"{amount(len(seen.unreadable), 'name')} below {folder}: {named}", "denied", "run as root")
            for mark in seen.files:
                yield mark.path, mark.state()


def _sysctl(reader: Reader, scope: Scope) -> Pairs:
    seen = reader.run(("sysctl", "-a")).value
    if seen.cut:
        reader.cut(f"kernel parameters: {seen.cut}", "raise limits.output_bytes")
    if denied := _DENIED.findall(seen.err):
        reader.blind(f"{amount(len(denied), 'kernel parameter')}", "denied: only root may read them", "run as root")
    for line in seen.out.splitlines():
        name, _, value = line.partition(" = ")
        if name and not _VOLATILE.fullmatch(name):
            yield name, " ".join(value.split())


def _mounts(reader: Reader, scope: Scope) -> Pairs:
    for line in reader.file("/proc/self/mounts").value.text.splitlines():
        words = line.split(" ")
        if len(words) >= 4 and words[2] not in ("proc", "sysfs", "cgroup", "cgroup2", "overlay", "nsfs"):
            if words[1].startswith(_PASSING_MOUNTS):
                continue
            yield words[1].replace("\\040", " "), f"{words[0]} {words[2]} {words[3]}"


def _ports(reader: Reader, scope: Scope) -> Pairs:
    seen = reader.look(ReadSockets()).value
    if seen.owners_hidden:
        reader.blind(OWNERS, "denied: they belong to other accounts", "run as root")
    told: dict[str, set[str]] = {}
    for item in listeners(seen.sockets):
        if item.family == "tcp" or (item.family == "udp" and (item.port or 0) < _EPHEMERAL):
            told.setdefault(f"{item.family} {item.address}", set()).add("" if seen.owners_hidden else item.process or "")
    for address, names in told.items():
        yield address, ", ".join(sorted(names - {""}))


def _certificates(reader: Reader, scope: Scope) -> Pairs:
    for place in dict.fromkeys((*CERTIFICATE_PLACES, *scope.folders)):
        with reader.part(f"certificates of {place}"):
            if place in CERTIFICATE_PLACES and not _exists(reader, place):
                continue
            try:
                seen = reader.look(ReadCertificates(path=place)).value
            except CouldNotLook as failure:
                if failure.reason == "damaged":  # a service's folder that is a file
                    continue
                raise
            for path, why in list(seen.problems.items())[:20]:
                reader.blind(f"certificates of {path}", why)
            if seen.cut:
                reader.cut(f"certificates of {place}: {seen.cut}", "name a folder further down with folders=…")
            for found in seen.found:
                if not found.authority:
                    until = f"{found.subject} to {stamp(found.not_after)} sha256 {found.fingerprint[:32]}"
                    yield f"{found.path} ({found.position})", until


def _images(reader: Reader, scope: Scope) -> Pairs:
    # the client finds its daemon by settings that are not ours to guess: only where there is no client is it clear
    if reader.look(Which(program="docker")).value.path is None:
        engine = next((path for path in _ENGINES if _exists(reader, path)), None)
        if engine is None:
            reader.empty("images: no container engine is here")
        else:
            reader.blind("images", f"{engine} is there, but no docker client to ask", "install docker-cli; or crictl images")
        return
    with reader.part("images"):
        for told in _objects(reader, "docker", "image", "ls", "--no-trunc", "--format={{json .}}"):
            yield f"image {told.get('Repository')}:{told.get('Tag')}", str(told.get("ID"))
    with reader.part("containers"):
        for told in _objects(reader, "docker", "ps", "--no-trunc", "--format={{json .}}"):
            yield f"container {told.get('Names')}", f"runs {told.get('Image')}"


def _pythons(reader: Reader, scope: Scope) -> Pairs:
    if not scope.pythons:
        reader.empty("python packages: no environment was named")
    for python in scope.pythons:
        root = environment_of(python)
        with reader.part(f"Python packages of {root}"):
            for version in reader.look(ListFolder(path=f"{root}/lib", pattern="python*")).value.entries:
                for name in ("site-packages", "dist-packages") if version.type == "folder" else ():
                    if _exists(reader, f"{version.path}/{name}"):
                        seen = reader.look(ListFolder(path=f"{version.path}/{name}", pattern="*-info")).value
                        for entry in seen.entries:
                            if match := INFO.fullmatch(entry.path.rsplit("/", 1)[-1]):
                                yield f"{root}: {canonical(match['name'])}", match["version"]


def _exists(reader: Reader, path: str) -> bool:
    try:
        reader.look(StatFile(path=path))
    except CouldNotLook as failure:
        if failure.reason == "missing":
            return False
        raise
    return True


def _output(reader: Reader, *argv: str) -> list[str]:
    """Lines of a command. Raises CouldNotLook when it ended with an error; what was cut off is noted."""
    seen = reader.run(argv).value
    what = " ".join(argv[:3])
    if seen.exit:
        raise CouldNotLook(what, "failed", f"it ended with status {seen.exit}", f"run it by hand: {what}")
    if seen.cut:
        reader.cut(f"{what}: {seen.cut}", "raise limits.output_bytes")
    return seen.out.splitlines()


def _objects(reader: Reader, *argv: str) -> Iterator[Mapping[str, object]]:
    for line in _output(reader, *argv):
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if isinstance(told, dict):
            yield told
        else:
            reader.blind(f"a line of {' '.join(argv[:3])}", "damaged: no JSON object")


PARTS: Mapping[str, PartKind] = {
    "kernel": PartKind(_kernel),
    "packages": PartKind(_packages, ("dpkg-query", "rpm", "apk")),
    "python_packages": PartKind(_pythons),
    "units": PartKind(_units, ("systemctl",)),
    "files": PartKind(_files),
    "sysctl": PartKind(_sysctl, ("sysctl",)),
    "mounts": PartKind(_mounts),
    "ports": PartKind(_ports, states_only=(OWNERS,)),
    "certificates": PartKind(_certificates),
    "images": PartKind(_images, ("docker",)),
}

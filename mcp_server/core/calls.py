"""Every way to look at a place, as data: a `Call` goes to a target, its answer type comes back.

A call names what is looked at and nothing else, so that it can be stored, repeated and answered from a recording.
Adding a way to look means adding a call here and its answer in `targets/`.
"""

from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call as Call  # noqa: PLC0414 -- everyone imports it from here
from mcp_server.core.clock import Moment
from mcp_server.core.git_calls import Commit as Commit  # noqa: PLC0414
from mcp_server.core.git_calls import History as History  # noqa: PLC0414
from mcp_server.core.git_calls import ReadHistory as ReadHistory  # noqa: PLC0414
from mcp_server.core.noun import Noun
from mcp_server.core.state_calls import Certificate as Certificate  # noqa: PLC0414

# --- commands -------------------------------------------------------------------------------------------------------


class Completed(Noun):
    """A command that ran to its end. Both streams are decoded as UTF-8, damage replaced."""

    exit: int
    out: str = ""
    err: str = ""
    cut: str | None = Field(None, description="what was cut off, in words; None when all came through")


class Command(Call[Completed]):
    """A read-only command: argv only, never a shell. The read table must know it as a read."""

    kind: Literal["command"] = "command"
    argv: tuple[str, ...] = Field(min_length=1)

    def title(self) -> str:
        return " ".join(self.argv)


class Found(Noun):
    """Where a program is, or None."""

    path: str | None


class Which(Call[Found]):
    """Is this program installed?"""

    kind: Literal["which"] = "which"
    program: str

    def title(self) -> str:
        return f"program {self.program}"


# --- files ----------------------------------------------------------------------------------------------------------


class FileText(Noun):
    """A stretch of a file, decoded as UTF-8 with damage replaced; offsets are bytes."""

    path: str = Field(description="the path after symbolic links")
    text: str
    start: int = Field(description="offset of the first byte returned")
    end: int = Field(description="offset after the last byte returned")
    size: int = Field(description="size of the file when it was opened")
    modified: Moment
    binary: bool = Field(False, description="the stretch holds NUL bytes: it is no text")


class ReadFile(Call[FileText]):
    """A stretch of a regular file. A negative `start` counts from the end."""

    kind: Literal["file"] = "file"
    path: str
    start: int = 0
    length: int = Field(262_144, ge=1, le=16_777_216)

    def title(self) -> str:
        return self.path


class FileStat(Noun):
    """What `lstat` says of one name."""

    path: str
    type: Literal["file", "folder", "link", "other"]
    size: int
    modified: Moment
    changed: Moment = Field(description="ctime: content, owner, mode or name changed")
    mode: str = Field(description="as ls shows it, such as -rw-r-----")
    owner: str
    device: int
    link: str | None = Field(None, description="where a symbolic link points")


class StatFile(Call[FileStat]):
    """Size, owner and times of one name, without opening it."""

    kind: Literal["stat"] = "stat"
    path: str

    def title(self) -> str:
        return self.path


class Folder(Noun):
    """Entries below a folder. Unreadable sub-folders are listed, never skipped in silence."""

    path: str
    entries: tuple[FileStat, ...]
    unreadable: tuple[str, ...] = ()
    cut: str | None = None


class ListFolder(Call[Folder]):
    """Names below a folder, down to `depth`, matching `pattern` (a shell pattern on the last part), at most `limit`.

    With `modified_after`, only files whose mtime or ctime is later are returned.
    """

    kind: Literal["folder"] = "folder"
    path: str
    pattern: str = "*"
    depth: int = Field(1, ge=1, le=12)
    limit: int = Field(5_000, ge=1, le=100_000)
    modified_after: Moment | None = None
    skip: tuple[str, ...] = Field((), description="folder names never entered, such as node_modules")

    def title(self) -> str:
        return f"{self.path}/{self.pattern}" if self.pattern != "*" else self.path


# --- the host -------------------------------------------------------------------------------------------------------


class Pressure(Noun):
    """Linux pressure stall information: share of time some/all tasks stood still, in percent over 10 s."""

    some: float
    full: float | None = None


class HostFacts(Noun):
    """Processor, memory and swap as they are now; sizes in bytes."""

    hostname: str
    system: str
    kernel: str
    booted: Moment
    cpus: int
    load: tuple[float, float, float]
    cpu_percent: float = Field(description="busy share over the sampling time, all processors together")
    memory_total: int
    memory_available: int
    swap_total: int
    swap_used: int
    pressure: dict[str, Pressure] = Field({}, description="cpu, memory, io; empty where the kernel does not tell")


class ReadHost(Call[HostFacts]):
    """Load, memory, swap, pressure; samples the processor for `sample_s` seconds."""

    kind: Literal["host"] = "host"
    sample_s: float = Field(0.2, ge=0, le=5)

    def title(self) -> str:
        return "host"


class Filesystem(Noun):
    """One mounted filesystem; sizes in bytes. `reserved` counts in used for ordinary users."""

    mount: str
    device: str
    type: str
    read_only: bool
    total: int
    used: int
    available: int
    inodes_total: int
    inodes_free: int


class Filesystems(Noun):
    """Mounted filesystems; those that could not be asked are named with the reason."""

    mounted: tuple[Filesystem, ...]
    failed: dict[str, str] = {}


class ReadFilesystems(Call[Filesystems]):
    """Space and inodes of every mounted filesystem that stores something (no proc, cgroup …)."""

    kind: Literal["filesystems"] = "filesystems"

    def title(self) -> str:
        return "mounted filesystems"


class Process(Noun):
    """One process. Fields are None where the system refused them; the reason is in `denied`."""

    pid: int
    ppid: int
    name: str
    argv: tuple[str, ...] = ()
    user: str | None = None
    cwd: str | None = None
    exe: str | None = None
    status: str = ""
    started: Moment | None = None
    rss: int | None = None
    cpu_percent: float | None = Field(None, description="of one processor, over the sampling time or since start")
    threads: int | None = None
    unit: str | None = Field(None, description="systemd unit from its cgroup")
    deleted_files: tuple[str, ...] = Field((), description="open files that no name points to, with size: `path (bytes)`")
    denied: tuple[str, ...] = Field((), description="what could not be read about it")
    ours: bool = Field(False, description="this program or what started it: its words are ours, not the service's")


class Processes(Noun):
    """Every process at one moment."""

    processes: tuple[Process, ...]


class ReadProcesses(Call[Processes]):
    """Running processes. `sample_s` > 0 measures processor use; `files` also looks for deleted-but-open files."""

    kind: Literal["processes"] = "processes"
    sample_s: float = Field(0.0, ge=0, le=5)
    files: bool = False

    def title(self) -> str:
        return "processes"


class Socket(Noun):
    """A listening or connected socket; `pid` is None where the system refused to say who owns it."""

    family: Literal["tcp", "udp", "unix"]
    address: str = Field(description="host:port, [host]:port, or the path of a unix socket")
    port: int | None = None
    remote: str | None = None
    state: str
    pid: int | None = None
    process: str | None = None


class Sockets(Noun):
    """Sockets at one moment."""

    sockets: tuple[Socket, ...]
    owners_hidden: bool = Field(False, description="some owners could not be read without more rights")


class ReadSockets(Call[Sockets]):
    """Listening sockets, and with `connected` also established connections."""

    kind: Literal["sockets"] = "sockets"
    connected: bool = False

    def title(self) -> str:
        return "sockets"


# --- over the network -----------------------------------------------------------------------------------------------


class HttpAnswer(Noun):
    """One HTTP answer. The body is decoded text, cut at the call's limit."""

    status: int
    reason: str = ""
    headers: dict[str, str] = {}
    body: str = ""
    took_ms: float
    cut: str | None = None
    certificate: Certificate | None = None


class Http(Call[HttpAnswer]):
    """GET or HEAD of one address; redirects are not followed; no cookies, no credentials. Time limit is the look's.

    A `unix` path sends the request through that socket.
    """

    kind: Literal["http"] = "http"
    url: str
    method: Literal["GET", "HEAD"] = "GET"
    host: str | None = Field(None, description="Host header, to ask a given server for a site")
    timeout_s: float = Field(5.0, gt=0, le=60)
    body_limit: int = Field(4_096, ge=0, le=1_048_576)
    unix: str | None = None

    def title(self) -> str:
        return f"{self.method} {self.url}"


class Connected(Noun):
    """A TCP or unix connection was accepted, then closed without sending."""

    took_ms: float


class Connect(Call[Connected]):
    """Does anything accept a connection at `host:port` or `unix:/path`? Nothing is sent."""

    kind: Literal["connect"] = "connect"
    address: str
    timeout_s: float = Field(2.0, gt=0, le=30)

    def title(self) -> str:
        return f"connect {self.address}"


ANSWERS: dict[type[Call[Any]], type[Noun]] = {
    Command: Completed, Which: Found, ReadFile: FileText, StatFile: FileStat, ListFolder: Folder, ReadHost: HostFacts,
    ReadFilesystems: Filesystems, ReadProcesses: Processes, ReadSockets: Sockets, Http: HttpAnswer, Connect: Connected,
}  # fmt: skip
"""The calls of this module, each with the type of its answer."""

"""Ways to look at a Docker daemon. The place decides how much of it is meant: all containers, one, or those of a project.

Values of environment variables never come along: only their names, and the addresses that stand in them.
"""

from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call
from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun

# --- the daemon -----------------------------------------------------------------------------------------------------


class Daemon(Noun):
    """The daemon as it tells of itself. `clock_ahead_ms` is its clock less ours, within the time that the answer took."""

    endpoint: str = Field(description="where it was reached, such as unix:///var/run/docker.sock")
    name: str
    version: str
    api: str
    system: str
    kernel: str
    cgroup: str = Field("", description="driver and version of control groups, such as systemd v2")
    storage: str = ""
    log_driver: str = ""
    cpus: int = 0
    memory: int = 0
    containers: int = 0
    running: int = 0
    clock_ahead_ms: float = 0
    swarm: str = Field("", description="state in a swarm; empty where it is in none")
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = Field((), description="kinds of reading that something before the daemon does not allow")


class ReadDaemon(Call[Daemon]):
    """Does the daemon answer, which one is it, and what may be read of it?"""

    kind: Literal["docker_daemon"] = "docker_daemon"

    def title(self) -> str:
        return "docker daemon"


# --- containers -----------------------------------------------------------------------------------------------------


class HealthRun(Noun):
    """One run of a health check; `exit` is None where it did not end."""

    start: Moment
    end: Moment | None = None
    exit: int | None = None
    output: str = ""


class Mount(Noun):
    """What is mounted into a container."""

    type: str
    source: str
    destination: str
    writable: bool


class Attached(Noun):
    """A network that a container is in, with its names and address there."""

    name: str
    id: str = ""
    address: str = ""
    aliases: tuple[str, ...] = ()


class Published(Noun):
    """A port of the container (`80/tcp`) and where it is published; `wanted` is what was asked for and is not there."""

    port: str
    host: str = ""
    wanted: bool = False


class EnvironmentAddress(Noun):
    """An address in the value of a variable: `db:5432` in DATABASE_URL."""

    variable: str
    address: str


class Container(Noun):
    """One container: its state with reasons, and the configuration that it was created from. Sizes in bytes."""

    id: str = Field(description="the first 12 characters")
    name: str
    image: str = Field(description="as it was named when the container was created")
    image_id: str
    created: Moment
    status: str = Field(description="created, running, paused, restarting, removing, exited, dead")
    exit_code: int = 0
    error: str = Field("", description="why the runtime could not start it")
    oom_killed: bool = Field(False, description="the kernel killed a process of its last run for want of memory")
    started: Moment | None = None
    finished: Moment | None = None
    restarts: int = Field(0, description="restarts by its policy since it was started by hand or created")
    restart_policy: str = Field("no", description="no, always, unless-stopped, on-failure:N")
    health: str = Field("", description="starting, healthy, unhealthy; empty without a check")
    failing_streak: int = 0
    health_runs: tuple[HealthRun, ...] = ()
    health_command: tuple[str, ...] = Field((), description="empty without a check, NONE where it was switched off")
    health_timeout_s: float = 0
    command: tuple[str, ...] = ()
    user: str = ""
    environment: tuple[str, ...] = Field((), description="names of variables; values never leave")
    secret_names: tuple[str, ...] = Field((), description="variables whose name and value say that a secret stands in them")
    addresses: tuple[EnvironmentAddress, ...] = ()
    memory_limit: int | None = None
    cpu_limit: float | None = Field(None, description="processors")
    pids_limit: int | None = None
    privileged: bool = False
    capabilities: tuple[str, ...] = Field((), description="added ones")
    host_namespaces: tuple[str, ...] = Field((), description="of network, pid, ipc: those shared with the host")
    read_only: bool = False
    mounts: tuple[Mount, ...] = ()
    network_mode: str = ""
    networks: tuple[Attached, ...] = ()
    links: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = Field((), description="names that were given an address when it was created")
    ports: tuple[Published, ...] = ()
    stop_signal: str = ""
    stop_timeout_s: int | None = None
    log_driver: str = ""
    log_limited: bool = Field(True, description="its log cannot grow without bound")
    labels: dict[str, str] = Field({}, description="of compose, and the standard ones of its image")
    pid: int | None = None

    @property
    def project(self) -> str:
        """The compose project it belongs to; empty without one."""
        return self.labels.get("com.docker.compose.project", "")

    @property
    def service(self) -> str:
        """Its name in the compose project; empty without one."""
        return self.labels.get("com.docker.compose.service", "")


class Neighbour(Noun):
    """A container of the same daemon that is not of the place: enough to tell whether one of the place can reach it."""

    name: str
    status: str
    health: str = ""
    project: str = ""
    service: str = ""
    networks: tuple[str, ...] = ()


class Containers(Noun):
    """The containers of the place, and the others of the daemon."""

    endpoint: str
    containers: tuple[Container, ...] = ()
    others: tuple[Neighbour, ...] = ()
    vanished: tuple[str, ...] = Field((), description="names that were listed and gone a moment later")
    cut: str | None = None


class ReadContainers(Call[Containers]):
    """State and configuration of every container of the place, running or not, at most `limit`."""

    kind: Literal["docker_containers"] = "docker_containers"
    limit: int = Field(200, ge=1, le=2_000)

    def title(self) -> str:
        return "docker containers"


class Usage(Noun):
    """What a running container uses now. Counters are since it was started."""

    name: str
    memory: int | None = Field(None, description="without the page cache that can be given back")
    memory_limit: int | None = None
    memory_failures: int | None = Field(None, description="times that the limit was hit (control groups v1)")
    pids: int | None = None
    cpu_s: float | None = Field(None, description="processor seconds")
    periods: int = 0
    throttled: int = Field(0, description="of the periods, those in which it had to wait for its processor limit")
    throttled_s: float = 0


class Usages(Noun):
    """Use of running containers; those that could not be asked are named with the reason."""

    containers: tuple[Usage, ...] = ()
    failed: dict[str, str] = {}


class ReadUsage(Call[Usages]):
    """Memory, processes and throttling of the running containers of the place, at most `limit`."""

    kind: Literal["docker_usage"] = "docker_usage"
    limit: int = Field(100, ge=1, le=1_000)

    def title(self) -> str:
        return "docker use of limits"


# --- images and networks --------------------------------------------------------------------------------------------


class Image(Noun):
    """An image that a container of the place was made of."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = Field((), description="of registries: name@sha256:…; empty where it was built here")
    created: Moment | None = None
    size: int = 0
    user: str = ""
    health_check: bool = False
    secret_names: tuple[str, ...] = Field((), description="variables of the image in which a secret stands")
    secret_steps: tuple[str, ...] = Field((), description="names of build arguments and variables with a secret in its history")
    labels: dict[str, str] = Field({}, description="the standard ones: version, revision, source")


class Images(Noun):
    """Images of the containers of the place, by id; `missing` are ids that the daemon no longer has."""

    images: tuple[Image, ...] = ()
    missing: tuple[str, ...] = ()
    tagged: dict[str, str] = Field({}, description="image as containers name it → id that this name means now")


class ReadImages(Call[Images]):
    """The images behind the containers of the place; and what further `names` mean on the daemon."""

    kind: Literal["docker_images"] = "docker_images"
    names: tuple[str, ...] = Field((), max_length=20)

    def title(self) -> str:
        return "docker images"


class Network(Noun):
    """A network of the daemon with the containers in it (names)."""

    id: str
    name: str
    driver: str
    scope: str = "local"
    internal: bool = False
    subnets: tuple[str, ...] = ()
    containers: dict[str, str] = Field({}, description="name → address")
    project: str = ""


class Networks(Noun):
    """All networks of the daemon: a container may be in the wrong one."""

    networks: tuple[Network, ...] = ()


class ReadNetworks(Call[Networks]):
    """Networks of the daemon, with who is in them."""

    kind: Literal["docker_networks"] = "docker_networks"

    def title(self) -> str:
        return "docker networks"


# --- what happened --------------------------------------------------------------------------------------------------


class Event(Noun):
    """Something that the daemon did or saw. `attributes` hold exit codes, signals, image, network."""

    at: Moment
    type: Literal["container", "image", "network", "volume", "daemon"]
    action: str = Field(description="create, start, die, oom, kill, stop, health_status: unhealthy, pull, tag …")
    id: str
    name: str
    image: str = ""
    attributes: dict[str, str] = {}


class Events(Noun):
    """Everything that the daemon remembers, oldest first: at most its last 256 events, and none from before it was started.

    `reaches` is the oldest event that it still had, of whatever container; None when it had none.
    """

    events: tuple[Event, ...] = ()
    reaches: Moment | None = None


class ReadEvents(Call[Events]):
    """Events of containers of the place, of their images, and of networks and volumes; runs of health checks left out."""

    kind: Literal["docker_events"] = "docker_events"

    def title(self) -> str:
        return "docker events"


class ComposeService(Noun):
    """A service as a compose file declares it."""

    name: str
    image: str = ""
    build: bool = False
    depends_on: tuple[str, ...] = ()
    health_check: bool = False


class ComposeFile(Noun):
    """A compose file of the place, as it is now. `services` is empty where it could not be understood (`problem` says why)."""

    project: str
    path: str
    modified: Moment
    changed: Moment
    owner: str = ""
    size: int = 0
    services: tuple[ComposeService, ...] = ()
    problem: str = ""


class ComposeFiles(Noun):
    """The compose files that containers of the place were created from. `failed` names those that could not be read."""

    files: tuple[ComposeFile, ...] = ()
    failed: dict[str, str] = {}


class ReadComposeFiles(Call[ComposeFiles]):
    """Compose files, found by the labels of containers; they lie on the daemon's host, which must be this one."""

    kind: Literal["docker_compose"] = "docker_compose"

    def title(self) -> str:
        return "docker compose files"


class DockerContext(Noun):
    """A context of docker's configuration: a name, and where its daemon is reached."""

    name: str
    endpoint: str


class DockerContexts(Noun):
    """Docker's contexts; `failed` are descriptions that cannot be read."""

    contexts: tuple[DockerContext, ...] = ()
    failed: dict[str, str] = {}


class ReadDockerContexts(Call[DockerContexts]):
    """Which daemons can be named here. Nothing of the configuration but names and addresses."""

    kind: Literal["docker_contexts"] = "docker_contexts"

    def title(self) -> str:
        return "contexts of docker"


ANSWERS: dict[type[Call[Any]], type[Noun]] = {
    ReadDaemon: Daemon, ReadContainers: Containers, ReadUsage: Usages, ReadImages: Images, ReadNetworks: Networks,
    ReadEvents: Events, ReadComposeFiles: ComposeFiles,
    ReadDockerContexts: DockerContexts,
}  # fmt: skip
"""The calls of this module, each with the type of its answer."""

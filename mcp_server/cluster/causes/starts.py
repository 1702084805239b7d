"""Containers that the kubelet or the runtime cannot start: program, rights, user, folder, memory, and what is left."""

import re
from collections.abc import Iterator

from mcp_server.cluster.cause import DOWN, Cause, CauseType, Confidence
from mcp_server.cluster.objects import at, texts, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import Container, cause_on, every_container, last_words
from mcp_server.cluster.world import Cluster

_EXPLAINS = (*DOWN, "crash_loop", "exits_at_once", "init_container_fails")

COMMAND = CauseType(
    code="command_not_found",
    text="container {container} cannot be started: {program} is not in image {image}",
    confirm="compare command and args with the image's entry point (its documentation, or a shell in the image)",
    meaning="The program named does not exist in the image, so every start fails at once.", explains=_EXPLAINS,
)  # fmt: skip
NOT_EXECUTABLE = CauseType(
    code="command_not_permitted",
    text="container {container} cannot be started: {program} may not be executed",
    confirm="look at the file's mode in the image, at the user the container runs as, and at noexec mounts",
    meaning="The file is there, but it is no program that the container's user may execute.", explains=_EXPLAINS,
)  # fmt: skip
NO_COMMAND = CauseType(
    code="command_absent",
    text="container {container} has no program to start: neither it nor image {image} names one",
    confirm="give the container a command, or see with the image's configuration (Entrypoint, Cmd) whether it is the one meant",
    meaning="There is nothing to execute, so the container is never created.", explains=_EXPLAINS,
)  # fmt: skip
FOLDER = CauseType(
    code="working_directory_missing",
    text="container {container} cannot be started in {path}: there is no such folder, or its user may not enter it",
    confirm="compare workingDir (or the image's own) with the folders of the image and the mounts over them",
    meaning="The runtime changes to that folder before it starts the program.", explains=_EXPLAINS,
)  # fmt: skip
USER = CauseType(
    code="user_unknown",
    text="container {container} cannot be started: its image knows no user or group {user}",
    confirm="compare runAsUser and the image's USER with /etc/passwd of the image; a number needs no entry there",
    meaning="The runtime cannot tell which user is meant.", explains=_EXPLAINS,
)  # fmt: skip
MEMORY = CauseType(
    code="memory_limit_too_low",
    text="container {container} is killed before its program starts: its memory limit of {limit} is too low to begin with",
    confirm="compare the limit's unit with that of the revision before: 128 or 128m where 128Mi is meant is a usual slip",
    meaning="Setting up a container takes some megabytes itself.", explains=(*_EXPLAINS, "oom_killed"),
)  # fmt: skip
ROOT = CauseType(
    code="runs_as_root",
    text="container {container} must not run as root (runAsNonRoot), but image {image} does",
    confirm="set runAsUser to a number above 0, or use an image with a numeric USER",
    meaning="The kubelet refuses to start it.", explains=_EXPLAINS,
)  # fmt: skip
CREATE = CauseType(
    code="container_not_created",
    text="the container runtime cannot create container {container}",
    confirm="read the message; then look at the field it names, and at the runtime's log on node {node}",
    meaning="What the specification asks for cannot be set up on the node.", explains=_EXPLAINS,
)  # fmt: skip

_MISSING = Pattern(
    r"executable file (?:`[^`]*` )?not found|exec: \\?\"[^\"]+\"?: (?:stat \S+: )?no such file|not found in \$PATH"
    r"|exec \S+: no such file|stat \S+: no such file or directory: unknown$", re.I,
)  # fmt: skip
_DENIED = Pattern(r"exec\S*:? .*(?:permission denied|is a directory)|open executable: permission denied", re.I)
_PROGRAM = Pattern(
    r'exec: \\?"([^"\\]+)\\?"|executable file `([^`]+)`|stat ([^\s:]+): no such|exec ([^\s:]+): (?:no such|permission|exec)'
)
_SHELL = Pattern(r"(?:^|[\s:])([\w./-]+): (?:command |applet )?not found|exec: ([\w./-]+): not found|can't execute '([^']+)'")
_FOLDER = Pattern(r'chdir to cwd \("?([^")]+)"?\)|chdir to \W?([\w./-]+)|chdir `([^`]+)`')
_USER = Pattern(
    r'unable to find user ([\w.-]+)|failed to resolve user "([^"]+)"|unable to find group ([\w.-]+)|no users found'
    r"|no matching entries in passwd file"
)
_TOO_LOW = Pattern(r"memory limit too low|minimum memory limit|container init was OOM-killed", re.I)
_ROOT = Pattern(r"runAsNonRoot|non-root")
_CREATING = ("CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun", "CreateContainerConfigError",
             "PreCreateHookError", "PreStartHookError", "PostStartHookError")  # fmt: skip


def find(cluster: Cluster) -> Iterator[Cause]:
    """Every container by what the kubelet and the runtime say of its start."""
    for item in every_container(cluster):
        if (
            item.waiting in _CREATING
            or item.ended in ("StartError", "ContainerCannotRun")
            or (not item.ready and item.exit in (126, 127, 128))
        ):
            yield from _start(cluster, item)


def _start(cluster: Cluster, item: Container) -> Iterator[Cause]:
    said = " ".join((item.message, item.last_words))
    image = words(item.spec, "image")
    if _ROOT.search(said):
        yield cause_on(cluster, ROOT, item, "securityContext.runAsNonRoot", image=image)
    elif _TOO_LOW.search(said):
        limit = str(at(item.spec, "resources.limits.memory") or "(none is set)")
        yield cause_on(cluster, MEMORY, item, "resources.limits.memory", limit=limit)
    elif "no command specified" in said:
        yield cause_on(cluster, NO_COMMAND, item, "command", image=image)
    elif match := _FOLDER.search(said):
        path = match[1] or match[2] or match[3] or words(item.spec, "workingDir")
        yield cause_on(cluster, FOLDER, item, "workingDir", path=path)
    elif match := _USER.search(said):
        user = next(filter(None, match.groups()), "") or "of that name"
        yield cause_on(cluster, USER, item, "securityContext.runAsUser", user=user)
    elif _MISSING.search(said):
        yield cause_on(cluster, COMMAND, item, "command", program=_program(said, item), image=image)
    elif _DENIED.search(said):
        yield cause_on(cluster, NOT_EXECUTABLE, item, "command", program=_program(said, item))
    elif item.waiting in _CREATING:
        yield cause_on(cluster, CREATE, item, "", node=words(item.pod, "spec.nodeName") or "(unknown)")
    elif item.exit in (126, 127):
        yield from _shell(cluster, item, image)


def _shell(cluster: Cluster, item: Container, image: str) -> Iterator[Cause]:
    """A shell that was started well, and does not find or may not start what it is told to: its exit code and its words."""
    lines = last_words(cluster, item, 6)
    match = next((found for line in reversed(lines) if (found := _SHELL.search(line.removeprefix("log: ")))), None)
    named = next(filter(None, match.groups()), "") if match else ""
    sure: Confidence = "high" if named else "medium" if lines else "low"
    field = "command" if texts(item.spec, "command") or not texts(item.spec, "args") else "args"
    program = named or _first(item) or "its command"
    if item.exit == 127:
        yield cause_on(cluster, COMMAND, item, field, sure, program=program, image=image)
    else:
        yield cause_on(cluster, NOT_EXECUTABLE, item, field, sure, program=program)


def _program(said: str, item: Container) -> str:
    named = next((found for match in _PROGRAM.finditer(said) for found in match.groups() if found), "")
    return named or _first(item) or "its command"


def _first(item: Container) -> str:
    return (texts(item.spec, "command") or texts(item.spec, "args") or [""])[0]

"""Install packages that the project's own lock pins, with their hashes, and that are missing; and the way back."""

import re
from collections.abc import Mapping

from pydantic import Field, JsonValue

from mcp_server.core.clues import canonical
from mcp_server.core.errors import BadInput, CouldNotLook, NotApplicable
from mcp_server.core.lockfile import pins_of
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Step
from mcp_server.core.reader import Reader
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, Undo, VerbUnit, World
from mcp_server.logs.python_env import read_environment

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)
MOST_BYTES = 4_194_304


class InstallArguments(Parameters):
    """Which packages, into which environment, from which lock."""

    python: str = Field(max_length=1_000, description="The environment's folder or interpreter")
    requirements: str = Field(max_length=1_000, description="The project's own lock")
    packages: tuple[str, ...] = Field(min_length=1, max_length=10, description="Names of packages")
    root: str | None = Field(None, max_length=1_000, description="Folder of the application")
    entry: str | None = Field(None, max_length=200, description="Module the server imports")


def settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """From the declared service: its environment and its lock; the names checked."""
    name = str(arguments.get("service") or "")
    declared = world.services.get(name)
    if declared is None:
        raise BadInput(f"`service` is `{one_line(name, 60)}`; declared services: {', '.join(world.services) or 'none'}")
    if declared.python is None or declared.requirements is None or declared.root is None:
        raise BadInput(
            f"service {name} declares no `python`, `root` or `requirements`", f"set all three under [services.{name}]"
        )
    names = str(arguments.get("packages") or "").replace(",", " ").split()
    wrong = [item for item in names if not _NAME.fullmatch(item)]
    if wrong or not names:
        raise BadInput(f"`packages` is `{one_line(arguments.get('packages'), 80)}`; it should be names of packages")
    return {
        "python": declared.python, "requirements": declared.requirements, "packages": [canonical(item) for item in names],
        "root": declared.root, "entry": declared.entry,
    }  # fmt: skip


def before(reader: Reader, arguments: InstallArguments, world: World) -> Before:
    """What is installed of them, and what the lock pins. Raises NotApplicable for a package that is not pinned by hash."""
    lock = reader.file(arguments.requirements, 0, MOST_BYTES)
    pins = pins_of(lock.value.text)
    for name in arguments.packages:
        if name not in pins or not pins[name].hashes:
            what = "is not pinned" if name not in pins else "is pinned without a hash"
            raise NotApplicable(f"{name} {what} in {one_line(arguments.requirements, 100)}", "pin it there first")
    found = read_environment(reader, arguments.root or "/", arguments.python)
    if found.version is None and not found.packages:
        raise CouldNotLook(arguments.python, "damaged", "what is installed there cannot be told")
    state: dict[str, JsonValue] = {f"installed {name}": found.packages.get(name) for name in arguments.packages}
    state |= {f"pinned {name}": pins[name].version for name in arguments.packages}
    return Before(state=state, touches=(f"path:{found.folder}",), evidence=(lock.evidence, *found.evidence))


def installed(arguments: InstallArguments, was: Before) -> dict[str, JsonValue]:
    """Each in the version that is pinned. Raises NotApplicable for one that is there in another version."""
    for name in arguments.packages:
        there = was.state[f"installed {name}"]
        if there is not None and there != was.state[f"pinned {name}"]:
            raise NotApplicable(
                f"{name} is installed in version {there}, so it is not missing", "this installs what is missing"
            )
    return {f"installed {name}": was.state[f"pinned {name}"] for name in arguments.packages}


def back(arguments: InstallArguments, was: Before) -> Undo:
    """Take those away that were not there."""
    new = [name for name in arguments.packages if was.state[f"installed {name}"] is None]
    if not new:
        return Undo(lost="nothing is installed that was not there")
    step = Step(verb="uninstall_packages", arguments=arguments.model_dump(mode="json") | {"packages": list(new)})
    return Undo(step=step, restores=tuple(f"installed {name}" for name in arguments.packages))


def _never(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    raise BadInput("uninstall_packages is only ever the way back of install_packages")


VERBS = (
    VerbUnit(
        kind="host", name="install_packages", takes=("service", "packages"), arguments=InstallArguments, settle=settle,
        describe=lambda arguments: Statement(
            text="install {packages} into {python} as {requirements} pins them, hashes checked, nothing else",
            values={
                "packages": ", ".join(arguments.packages), "python": arguments.python, "requirements": arguments.requirements,
            },
        ),
        before=before, after=installed, undo=back, idempotent=True,
    ),
    VerbUnit(
        kind="host", name="uninstall_packages", takes=(), arguments=InstallArguments, settle=_never,
        describe=lambda arguments: Statement(
            text="take {packages} out of {python} again",
            values={"packages": ", ".join(arguments.packages), "python": arguments.python},
        ),
        before=before,
    ),
)  # fmt: skip

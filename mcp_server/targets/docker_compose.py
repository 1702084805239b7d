"""Compose files as they are now, found by the labels that compose left on its containers. Values in them never leave."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcp_server.core.calls import StatFile
from mcp_server.core.docker_calls import ComposeFile, ComposeFiles, ComposeService, Container
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line
from mcp_server.targets import files

MAX_BYTES = 1_048_576
_FILES, _FOLDER = "com.docker.compose.project.config_files", "com.docker.compose.project.working_dir"


def compose_files(containers: Sequence[Container], local: bool, policy: ReadSettings) -> ComposeFiles:
    """Every file named by a container, once. Those of a daemon elsewhere are named as not read."""
    found, failed = [], dict[str, str]()
    for project, path in dict.fromkeys(_named(containers)):
        if not local:
            failed[path] = "it lies on the daemon's host, which is another one"
            continue
        try:
            found.append(_file(project, path, policy))
        except CouldNotLook as failure:
            failed[path] = f"{failure.reason}: {failure.detail}"
    return ComposeFiles(files=tuple(found), failed=failed)


def _named(containers: Sequence[Container]) -> Iterator[tuple[str, str]]:
    for container in containers:
        for name in container.labels.get(_FILES, "").split(","):
            if name and name != "-":  # compose was given the file on its standard input
                yield container.project, os.path.join(container.labels.get(_FOLDER, "/"), name)


def _file(project: str, path: str, policy: ReadSettings) -> ComposeFile:
    stat = files.look(StatFile(path=path), Limits(), policy)
    problem, services = "", list[ComposeService]()
    try:
        with files.open_for_reading(path, policy) as file:
            services = list(_services(file.read(MAX_BYTES + 1)))
    except ValueError as error:
        problem = one_line(error, 200)
    return ComposeFile(
        project=project, path=path, modified=stat.modified, changed=stat.changed, owner=stat.owner, size=stat.size,
        services=tuple(services), problem=problem,
    )  # fmt: skip


def _services(data: bytes) -> Iterator[ComposeService]:
    """Raises ValueError with a sentence for what is no compose file."""
    import yaml

    if len(data) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES:,} bytes")
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)  # the error's own words quote the file
        raise ValueError(f"no YAML: line {mark.line + 1}" if mark else "no YAML") from None
    services = content.get("services") if isinstance(content, dict) else None
    if not isinstance(services, Mapping):
        raise ValueError("it declares no services")
    for name, service in services.items():
        given = service if isinstance(service, Mapping) else {}
        needs: Any = given.get("depends_on") or ()
        yield ComposeService(
            name=one_line(name, 100), image=one_line(given.get("image") or "", 300), build="build" in given,
            depends_on=tuple(one_line(item, 100) for item in needs) if isinstance(needs, list | Mapping) else (),
            health_check=bool(given.get("healthcheck")),
        )  # fmt: skip

"""Environments: the declared ones; where none is declared, this host as it was seen, under the strictest protection."""

from mcp_server.core.calls import StatFile
from mcp_server.core.environment import Environment
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.reader import Reader
from mcp_server.core.settings import Settings
from mcp_server.core.text import one_line

LOCAL = "local"


def environment_of(settings: Settings, name: str, reader: Reader) -> Environment:
    """The environment of this name. Raises BadInput naming those that exist; CouldNotLook when its kind cannot be seen."""
    declared = settings.environments
    if name in declared:
        return Environment(name=name, **declared[name].model_dump())
    if declared or name != LOCAL:
        known = ", ".join(declared) or f"`{LOCAL}` (detected; nothing is declared under [environments.NAME])"
        raise BadInput(f"`environment` is `{one_line(name, 60)}`; it should be one of: {known}")
    return Environment(name=LOCAL, kind="systemd" if _systemd(reader) else "process", detected=True)


def _systemd(reader: Reader) -> bool:
    """Whether systemd runs here, by the folder that sd_booted(3) looks for. Only certainty is a no."""
    try:
        return reader.look(StatFile(path="/run/systemd/system")).value.type == "folder"
    except CouldNotLook as failure:
        if failure.reason == "missing":
            return False
        raise

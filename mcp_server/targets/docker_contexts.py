"""Docker's configured contexts, read and never switched: which daemons there are, and how each is reached.

`default` means what it means to docker: DOCKER_HOST where that is set, else the local socket. Which context docker itself
would use now is of no interest here: the place is named with every question.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mcp_server.core.docker_calls import DockerContext, DockerContexts, ReadDockerContexts
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line

SOCKET = "unix:///var/run/docker.sock"
MAX_BYTES, MAX_CONTEXTS = 65_536, 200


@dataclass(frozen=True)
class Endpoint:
    """How a daemon is reached. `certificates` is the folder of ca.pem, cert.pem, key.pem, or None for no TLS."""

    context: str
    url: str
    certificates: str | None = None
    verify: bool = True


def contexts(environment: Mapping[str, str] | None = None) -> tuple[dict[str, Endpoint], dict[str, str]]:
    """Every context by name, `default` first; and those whose description cannot be read, with the reason."""
    env = os.environ if environment is None else environment
    found, failed = {"default": _default(env)}, dict[str, str]()
    folder = Path(env.get("DOCKER_CONFIG") or Path(env.get("HOME") or os.path.expanduser("~"), ".docker"), "contexts")
    try:
        names = sorted(entry.name for entry in os.scandir(folder / "meta") if entry.is_dir())
    except FileNotFoundError:
        return found, failed
    except OSError as error:
        return found, {str(folder / "meta"): one_line(error.strerror or error)}
    for name in names[:MAX_CONTEXTS]:
        path = folder / "meta" / name / "meta.json"
        try:
            context = _context(path, folder / "tls")
            found[context.context] = context
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            failed[str(path)] = one_line(f"{type(error).__name__}: {error}")
    if len(names) > MAX_CONTEXTS:
        failed[str(folder / "meta")] = f"{len(names) - MAX_CONTEXTS} further contexts were not read"
    return found, failed


def look(call: ReadDockerContexts, limits: Limits, policy: ReadSettings) -> DockerContexts:
    """Answer the call on this host. An address is shown without a user in it."""
    found, failed = contexts()
    told = (DockerContext(name=one_line(item.context, 200), endpoint=_bare(item.url)) for item in found.values())
    return DockerContexts(contexts=tuple(told), failed=failed)


def _bare(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    return one_line(f"{scheme}{mark}{rest.rpartition('@')[2]}", 300)


def endpoint_of(context: str) -> Endpoint:
    """The endpoint of a context. Raises BadInput naming those that exist."""
    found, failed = contexts()
    if context in found:
        return found[context]
    more = f"; not readable: {', '.join(failed)}" if failed else ""
    raise BadInput(
        f"`target` names the docker context `{one_line(context, 80)}`; contexts: {', '.join(sorted(found))}{more}",
        f"For a container of the default daemon: docker://{one_line(context, 80)}" if context.isalnum() else "",
    )


def not_supported(endpoint: Endpoint) -> CouldNotLook | None:
    """Why such an endpoint cannot be asked, where it cannot."""
    if endpoint.url.startswith(("unix://", "http://", "https://", "tcp://")):
        return None
    scheme = endpoint.url.partition("://")[0]
    return CouldNotLook(
        f"docker context {one_line(endpoint.context, 80)}", "refused", f"its daemon is reached by {one_line(scheme, 40)}://",
        "this version reaches unix://, tcp:// and https:// daemons; run this program on that host",
    )  # fmt: skip


def _default(env: Mapping[str, str]) -> Endpoint:
    url = env.get("DOCKER_HOST") or SOCKET
    folder = env.get("DOCKER_CERT_PATH") or str(Path(env.get("HOME") or "~", ".docker"))
    tls = url.startswith("tcp://") and bool(env.get("DOCKER_TLS_VERIFY") or env.get("DOCKER_CERT_PATH"))
    return Endpoint("default", url, folder if tls else None, bool(env.get("DOCKER_TLS_VERIFY")) or not tls)


def _context(path: Path, tls: Path) -> Endpoint:
    with path.open("rb") as file:
        meta = json.loads(file.read(MAX_BYTES))
    docker = meta["Endpoints"]["docker"]
    certificates = tls / sha256(meta["Name"].encode()).hexdigest() / "docker"
    url = docker["Host"]
    if not isinstance(url, str) or not isinstance(meta["Name"], str):
        raise ValueError("Name and Host must be texts")
    return Endpoint(
        meta["Name"], url, str(certificates) if certificates.is_dir() else None, not docker.get("SkipTLSVerify", False)
    )

"""kubectl's configuration, read and never switched: which clusters there are, and how each is reached.

The official client would write certificates and keys from the file into temporary files; a reader writes nothing, so what the
file holds stays in memory, and the client is asked only where a program must give the credentials (`exec`). Nothing of the
contents leaves this module but names of contexts and addresses of servers.
"""

import base64
import binascii
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.text import one_line

IN_CLUSTER = "in-cluster"
"""Name of the context that a pod has by its ServiceAccount, where this program runs in one."""
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MAX_BYTES, _SHOWN = 4_194_304, 20


@dataclass(frozen=True)
class Server:
    """How a cluster is reached. `user` is never shown."""

    context: str
    url: str
    namespace: str = "default"
    cluster: Mapping[str, Any] = field(default_factory=dict, repr=False)
    user: Mapping[str, Any] = field(default_factory=dict, repr=False)
    folder: str = ""
    """Where the file lies: relative paths in it count from there."""


def contexts(environment: Mapping[str, str] | None = None) -> tuple[dict[str, Server], str | None, dict[str, str]]:
    """Every context by name, the one kubectl would use, and what could not be read, with the reason."""
    env = os.environ if environment is None else environment
    found: dict[str, Server] = {}
    failed: dict[str, str] = {}
    clusters: dict[str, tuple[Mapping[str, Any], str]] = {}
    users: dict[str, Mapping[str, Any]] = {}
    named: dict[str, Mapping[str, Any]] = {}
    current: str | None = None
    default = str(Path(env.get("HOME") or os.path.expanduser("~"), ".kube", "config"))
    for path in [part for part in (env.get("KUBECONFIG") or default).split(os.pathsep) if part]:
        try:
            data = _read(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            failed[path] = one_line(getattr(error, "strerror", None) or error)
            continue
        folder = str(Path(path).parent)  # of two entries of one name the first counts, as for kubectl
        for name, item in _entries(data, "clusters", "cluster"):
            clusters.setdefault(name, (item, folder))
        for name, item in _entries(data, "users", "user"):
            users.setdefault(name, item)
        for name, item in _entries(data, "contexts", "context"):
            named.setdefault(name, item)
        current = current or (str(data["current-context"]) if data.get("current-context") else None)
    for name, item in named.items():
        cluster, folder = clusters.get(str(item.get("cluster")), ({}, ""))
        url = str(cluster.get("server") or "")
        if not url.startswith(("http://", "https://")):
            failed[f"context {name}"] = "its cluster has no address"
            continue
        user = users.get(str(item.get("user")), {})
        found[name] = Server(name, url.rstrip("/"), str(item.get("namespace") or "default"), cluster, user, folder)
    if (inside := _inside(env)) is not None:
        found.setdefault(IN_CLUSTER, inside)
    return found, current, failed


def server_of(context: str) -> Server:
    """The server of a context. Raises BadInput naming those that exist."""
    found, _, failed = contexts()
    if context in found:
        return found[context]
    names = ", ".join(one_line(name, 80) for name in list(found)[:_SHOWN]) or "none"
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    why = "; ".join(f"{one_line(path)}: {reason}" for path, reason in list(failed.items())[:3])
    raise BadInput(
        f"`target` names the Kubernetes context `{one_line(context, 80)}`; kubectl's configuration has: {names}{more}",
        f"not readable: {why}" if why else "KUBECONFIG or ~/.kube/config names clusters",
    )


def _read(path: str) -> Mapping[str, Any]:
    import yaml

    with open(path, "rb") as file:
        content = file.read(_MAX_BYTES)
    try:
        data = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 -- a safe one
    except yaml.YAMLError:
        raise ValueError("it is no YAML") from None  # its text may hold a secret
    if not isinstance(data, Mapping):
        raise ValueError("it is no kubeconfig")
    return data


def _entries(data: Mapping[str, Any], way: str, inner: str) -> list[tuple[str, Mapping[str, Any]]]:
    items = data.get(way)
    return [
        (str(item.get("name")), item[inner]) for item in (items if isinstance(items, list) else [])
        if isinstance(item, Mapping) and isinstance(item.get(inner), Mapping)
    ]  # fmt: skip


def _inside(env: Mapping[str, str]) -> Server | None:
    host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (_ACCOUNT / "token").is_file():
        return None
    address = f"[{host}]" if ":" in host else host
    space = _ACCOUNT / "namespace"
    return Server(
        IN_CLUSTER, f"https://{address}:{port}", space.read_text(encoding="ascii").strip() if space.is_file() else "default",
        {"certificate-authority": str(_ACCOUNT / "ca.crt")}, {"tokenFile": str(_ACCOUNT / "token")},
    )  # fmt: skip


# --- credentials ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Credentials:
    """What is sent to the server: headers, and the context of the connection. Kept in memory only."""

    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | None = field(repr=False)
    name: str | None = None
    """Server name for TLS, where it is not the address."""


def credentials(server: Server) -> Credentials:
    """Headers and TLS for a server. Raises CouldNotLook for what cannot be read or is not supported."""
    what = f"credentials of context {one_line(server.context, 80)}"
    try:
        user = dict(server.user)
        if isinstance(user.get("exec"), Mapping):
            user |= _asked(server, what)
        headers = _headers(server, user)
        tls = _tls(server, user) if server.url.startswith("https://") else None
    except FileNotFoundError as error:
        raise CouldNotLook(
            what, "missing", f"{one_line(error.filename)} does not exist", "log in to the cluster again"
        ) from None
    except (OSError, ValueError, ssl.SSLError, binascii.Error) as error:
        reason = one_line(getattr(error, "strerror", None) or type(error).__name__)
        raise CouldNotLook(
            what, "denied", f"they cannot be used ({reason})", "check certificate and key of the user in kubeconfig"
        ) from None
    if "auth-provider" in user and not headers and "client-certificate" not in user and "client-certificate-data" not in user:
        raise CouldNotLook(
            what, "refused", "auth-provider is gone from Kubernetes clients", "use an exec plugin of the same vendor"
        )
    name = server.cluster.get("tls-server-name")
    return Credentials(headers, tls, str(name) if name else None)


def _asked(server: Server, what: str) -> dict[str, Any]:
    """What the program that the user names gives; run by the official client, as kubectl runs it."""
    from kubernetes.config.exec_provider import ExecProvider

    try:
        provider: Any = ExecProvider
        told = provider(_Node(server.user["exec"]), server.folder, _Node(server.cluster)).run()
    except Exception as error:  # noqa: BLE001 -- whatever the plugin raises is a failed login
        raise CouldNotLook(
            what,
            "denied",
            f"the login program of the context failed ({type(error).__name__})",
            "run kubectl once to log in again",
        ) from None
    return {
        key: told[name]
        for key, name in (
            ("token", "token"),
            ("client-certificate-pem", "clientCertificateData"),
            ("client-key-pem", "clientKeyData"),
        )
        if name in told
    }


class _Node:
    """A mapping as the official client's ExecProvider expects it."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value, self.name, self.path = value, "exec", None

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def __getitem__(self, key: str) -> Any:
        return self.value[key]

    def safe_get(self, key: str) -> Any:
        """The value, or None."""
        return self.value.get(key)

    def __iter__(self) -> Any:
        return iter(self.value)


def _headers(server: Server, user: Mapping[str, Any]) -> dict[str, str]:
    if token := user.get("token"):
        return {"Authorization": f"Bearer {token}"}
    if path := user.get("tokenFile"):
        return {"Authorization": f"Bearer {_path(server, path).read_text(encoding='utf8').strip()}"}
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password') or ''}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


def _tls(server: Server, user: Mapping[str, Any]) -> ssl.SSLContext:
    cluster = server.cluster
    if data := cluster.get("certificate-authority-data"):
        context = ssl.create_default_context(cadata=base64.b64decode(str(data)).decode("ascii", "replace"))
    elif path := cluster.get("certificate-authority"):
        context = ssl.create_default_context(cafile=str(_path(server, path)))
    else:
        context = ssl.create_default_context()
    if hasattr(ssl, "VERIFY_X509_STRICT"):  # clusters' own authorities often lack extensions that strictness asks for
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cluster.get("insecure-skip-tls-verify") is True:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _pem(server, user, "client-certificate")
    if certificate is not None:
        key = _pem(server, user, "client-key") or certificate
        with _Memory(certificate + b"\n" + key) as pair:
            context.load_cert_chain(pair)
    return context


def _pem(server: Server, user: Mapping[str, Any], name: str) -> bytes | None:
    if told := user.get(f"{name}-pem"):
        return str(told).encode()
    if data := user.get(f"{name}-data"):
        return base64.b64decode(str(data))
    return _path(server, user[name]).read_bytes() if user.get(name) else None


def _path(server: Server, path: Any) -> Path:
    return Path(server.folder, str(path)) if server.folder else Path(str(path))


class _Memory:
    """Bytes under a name that OpenSSL can open, and that exists in memory only; without Linux, a file that has no name."""

    def __init__(self, content: bytes) -> None:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
        else:
            import tempfile

            with tempfile.TemporaryFile() as file:
                self._descriptor = os.dup(file.fileno())
        os.write(self._descriptor, content)
        os.lseek(self._descriptor, 0, os.SEEK_SET)

    def __enter__(self) -> str:
        return f"/proc/self/fd/{self._descriptor}" if os.path.isdir("/proc/self/fd") else f"/dev/fd/{self._descriptor}"

    def __exit__(self, *exc: object) -> None:
        os.close(self._descriptor)

"""Requests to an API server: GET, and the creation of a SelfSubjectAccessReview, which stores nothing. Nothing else is sent."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from mcp_server import __version__
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.text import bytes_text, one_line
from mcp_server.targets.kubernetes_config import Credentials, Server, credentials

REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
PAGE = 500
MAX_ANSWER = 268_435_456
_CONNECT_S = 1.5
"""How long a server may take to accept a connection and greet: preflight answers within 2 s."""
_PIECE = 262_144
_META = ";g=meta.k8s.io;v=v1"


class Wire:
    """One API server. Every thread has a connection of its own; once it could not be reached, that is said at once."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._parts = urlsplit(server.url)
        self._own = threading.local()
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None
        self._failed: CouldNotLook | None = None
        self._opened: list[http.client.HTTPConnection] = []
        self.clock: datetime | None = None
        """What the server's last answer said that it is."""

    def json(self, path: str, limits: Limits, what: str, *, metadata: bool = False, **query: Any) -> Any:
        """The decoded answer to a GET. Raises CouldNotLook: missing for 404, denied, unreachable, timed_out, damaged, cut."""
        kind = "application/json"
        if metadata:  # names, labels and owners only: the server leaves the rest out
            kind = f"{kind};as=PartialObjectMetadataList{_META},{kind};as=PartialObjectMetadata{_META}"
        status, body = self.exchange("GET", path, limits, what, query=query, accept=kind)
        return self._decoded(status, body, what, path)

    def items(
        self, path: str, limits: Limits, what: str, *, most: int = 0, metadata: bool = False, **query: Any
    ) -> Iterator[Mapping[str, Any]]:
        """The objects of a list, page by page; at most `most` where that is given. Each has its kind. Raises as `json`."""
        left, go_on, count = limits.until(), "", 0
        while True:
            page = min(PAGE, most - count) if most else PAGE
            within = Limits(left(), limits.max_bytes, limits.cancel)
            try:
                answer = self.json(
                    path, within, what, metadata=metadata, limit=page, **(query | ({"continue": go_on} if go_on else {}))
                )
            except _Expired as expired:  # the server offers to go on from the same name with what is there now
                go_on = expired.go_on
                continue
            found = answer.get("items")
            if found is None and str(answer.get("kind", "")).endswith("List"):
                found = []  # of metadata alone an empty list has no items at all
            if not isinstance(found, list):
                raise CouldNotLook(what, "damaged", "the answer is no list")
            kind, version = str(answer.get("kind", "")).removesuffix("List"), answer.get("apiVersion")
            for item in found:
                count += 1
                yield item if metadata or item.get("kind") else {"kind": kind, "apiVersion": version, **item}
            go_on = str((answer.get("metadata") or {}).get("continue") or "")
            if not go_on or (most and count >= most):
                if go_on and most:
                    raise CouldNotLook(what, "cut", f"only the first {count:,} were read")
                return

    def text(self, path: str, limits: Limits, what: str, most: int, **query: Any) -> tuple[bytes, bool]:
        """The bytes of a log (text/plain), and whether they end early. Raises as `json`."""
        status, body = self.exchange("GET", path, limits, what, query=query, accept="text/plain, */*", most=most)
        if status >= 300:
            self._decoded(status, body, what, path)
        return body, len(body) >= most

    def review(self, attributes: Mapping[str, str], limits: Limits, what: str) -> tuple[bool, str]:
        """Whether the account may, by a SelfSubjectAccessReview; and the server's reason."""
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": dict(attributes)},
        }
        status, answer = self.exchange("POST", REVIEW, limits, what, body=json.dumps(body).encode())
        told = self._decoded(status, answer, what, REVIEW).get("status") or {}
        return told.get("allowed") is True, one_line(told.get("reason") or told.get("evaluationError") or "", 200)

    def close(self) -> None:
        """End every connection."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()

    # --- one request ------------------------------------------------------------------------------------------------

    def check(self, method: str, path: str) -> None:
        """What may be sent. A reader sends GET, and the one review."""
        assert method == "GET" or (method == "POST" and path == REVIEW), "a reader sends nothing else"

    def exchange(
        self,
        method: str,
        path: str,
        limits: Limits,
        what: str,
        *,
        query: Mapping[str, Any] | None = None,
        accept: str = "application/json",
        body: bytes | None = None,
        content: str = "application/json",
        most: int = MAX_ANSWER,
    ) -> tuple[int, bytes]:
        self.check(method, path)
        limits.check()
        if self._failed is not None:
            raise CouldNotLook(what, self._failed.reason, self._failed.detail, self._failed.remedy)
        left = limits.until()
        url = path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        headers = {"Accept": accept, "User-Agent": f"veteran/{__version__}"} | ({"Content-Type": content} if body else {})
        for again in (True, False):
            fresh = getattr(self._own, "connection", None) is None
            try:
                connection = self._connected(left(), what)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                self._failed = self._failure(error, what)  # further looks need not wait again
                raise self._failed from None
            try:
                connection.request(method, self._parts.path + url, body, headers | dict(self._login(what).headers))
                return self._answer(connection, left, limits, what, most)
            except CouldNotLook:
                self._drop()
                raise
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                closed = isinstance(error, http.client.RemoteDisconnected | ConnectionError)
                if again and not fresh and closed:
                    continue  # a connection kept open was closed meanwhile
                raise self._failure(error, what) from None
        raise AssertionError("unreachable")

    def _answer(
        self, connection: http.client.HTTPConnection, left: Any, limits: Limits, what: str, most: int
    ) -> tuple[int, bytes]:
        def patient() -> None:
            limits.check()
            if left() <= 0:
                raise CouldNotLook(what, "timed_out", f"the answer had not ended after {limits.timeout_s:g} s")
            if connection.sock is not None:
                connection.sock.settimeout(max(0.05, left()))

        patient()
        response = connection.getresponse()
        pieces, got = [], 0
        while got < most:
            patient()
            piece = response.read1(min(_PIECE, most - got))
            if not piece:
                break
            pieces.append(piece)
            got += len(piece)
        if got >= most:
            self._drop()
            if most == MAX_ANSWER:
                raise CouldNotLook(what, "cut", f"the answer is larger than {bytes_text(most)}")
        self.clock = _moment(response.getheader("Date")) or self.clock
        response.close()  # it is read to its end: the connection is free for the next
        return response.status, b"".join(pieces)

    def _decoded(self, status: int, body: bytes, what: str, path: str) -> Any:
        try:
            answer: Any = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if status < 300:
            if not isinstance(answer, Mapping):
                raise CouldNotLook(what, "damaged", "the answer is no JSON object")
            return answer
        said = one_line(
            (answer.get("message") if isinstance(answer, Mapping) else "") or body[:200].decode("utf8", "replace"), 300
        )
        if status == 404:
            raise CouldNotLook(what, "missing", said)
        if status == 401:
            raise CouldNotLook(
                what, "denied", "the server does not accept the credentials of the context", "log in to the cluster again"
            )
        if status == 403:
            raise CouldNotLook(what, "denied", said, rule_for(path))
        if status == 410 and isinstance(answer, Mapping) and (go_on := (answer.get("metadata") or {}).get("continue")):
            raise _Expired(what, str(go_on))
        if status in (429, 503, 504):
            raise CouldNotLook(
                what,
                "timed_out" if status != 503 else "unreachable",
                f"the server answered {status}: {said}",
                "ask again later",
            )
        raise CouldNotLook(what, "failed", f"the server answered {status}: {said}")

    # --- the connection ---------------------------------------------------------------------------------------------

    def _login(self, what: str) -> Credentials:
        with self._lock:
            if self._credentials is None:
                self._credentials = credentials(self.server)
            return self._credentials

    def _connected(self, left: float, what: str) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if found is not None:
            return found
        login, timeout = self._login(what), max(0.1, min(_CONNECT_S, left))
        host, port = str(self._parts.hostname), self._parts.port or (443 if self._parts.scheme == "https" else 80)
        via = self._proxy(host)
        near = (via.hostname or "", via.port or 3128) if via else (host, port)
        connection: http.client.HTTPConnection
        if self._parts.scheme == "https":
            connection = _Named(*near, timeout=timeout, context=login.tls)
            connection.tls_name = login.name or host
        else:
            connection = http.client.HTTPConnection(*near, timeout=timeout)
        if via:
            connection.set_tunnel(host, port)
        connection.connect()
        if connection.sock is not None:
            connection.sock.settimeout(max(0.1, left))
        self._own.connection = connection
        with self._lock:
            self._opened.append(connection)
        return connection

    def _proxy(self, host: str) -> Any:
        """The proxy that the cluster's entry names, else that of the environment; never for loopback, as kubectl does."""
        named = self.server.cluster.get("proxy-url")
        if not named and host not in ("localhost", "::1") and not host.startswith("127.") and not proxy_bypass(host):
            named = getproxies_environment().get(self._parts.scheme)
        return urlsplit(str(named)) if named and str(named).startswith("http://") else None

    def _drop(self) -> None:
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            with suppress(OSError):
                connection.close()
            with self._lock, suppress(ValueError):
                self._opened.remove(connection)
        self._own.connection = None

    def _failure(self, error: BaseException, what: str) -> CouldNotLook:
        url, context = self.server.url, one_line(self.server.context, 80)
        if isinstance(error, ssl.SSLCertVerificationError):
            failure = CouldNotLook(what, "refused", f"the certificate of {url} is not trusted: "
                                                    f"{one_line(error.verify_message)}",
                                   "compare certificate-authority of the context with the cluster's")  # fmt: skip
        elif isinstance(error, TimeoutError):
            failure = CouldNotLook(what, "timed_out", f"{url} did not answer in time",
                                   "the API server hangs or is not reachable from here: check VPN, tunnel and control "
                                   "plane")  # fmt: skip
        elif isinstance(error, socket.gaierror):
            failure = CouldNotLook(
                what, "unreachable", f"the host of {url} has no address", f"correct the server of context {context}"
            )
        elif isinstance(error, ConnectionError | OSError):
            detail = one_line(getattr(error, "strerror", None) or error)
            failure = CouldNotLook(
                what, "unreachable", f"{url}: {detail}", "see whether the cluster runs and whether VPN or tunnel is up"
            )
        else:
            return CouldNotLook(what, "damaged", f"what answers at {url} does not speak HTTP ({type(error).__name__})")
        return failure


class _Named(http.client.HTTPSConnection):
    """HTTPS whose certificate is checked against a name of its own."""

    tls_name = ""

    def connect(self) -> None:
        """Connect, through the proxy where one is set, then greet."""
        http.client.HTTPConnection.connect(self)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]  # of the standard library, not in its stubs
        self.sock = context.wrap_socket(self.sock, server_hostname=self.tls_name)


class _Expired(Exception):
    """A list took longer than the server keeps its state."""

    def __init__(self, what: str, go_on: str) -> None:
        super().__init__(what)
        self.go_on = go_on


def _moment(text: str | None) -> datetime | None:
    """The time of a Date header."""
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def rule_for(path: str) -> str:
    """The RBAC rule that would allow a path, to be pasted into a Role or ClusterRole."""
    pieces = path.strip("/").split("/")
    group, rest = ("", pieces[2:]) if pieces[0] == "api" else (pieces[1] if len(pieces) > 1 else "", pieces[3:])
    space = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        space, rest = rest[1], rest[2:]
    resource = rest[0] if rest else ""
    if len(rest) > 2:
        resource += f"/{rest[2]}"
    verbs = '["get"]' if len(rest) > 2 else '["get", "list"]'
    where = f"a Role of namespace {space}" if space else "a ClusterRole"
    return f'bind to the account {where} with the rule {{apiGroups: ["{group}"], resources: ["{resource}"], verbs: {verbs}}}'

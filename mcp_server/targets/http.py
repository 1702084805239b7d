"""HTTP addresses, sockets and ports, looked at: GET or HEAD, nobody's credentials, no redirects, one deadline.

Where a certificate cannot be verified the request is still made, because it holds nothing secret (no body, cookie or
credential): the status and the reason for distrust are both facts worth having. `certificate.verified` is then false.
"""

import http.client
import re
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from mcp_server import __version__
from mcp_server.core.calls import Connect, Connected, Http, HttpAnswer
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import amount, one_line
from mcp_server.targets import reader_line
from mcp_server.targets.wire import Wire

MAX_URL_CHARS = 8_192
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]{2,60})\]|(?P<host>[^\s:/\[\]@\x00-\x20]{1,253})):(?P<port>\d{1,5})")
# only these: some of Python's codecs take quadratic time or decode what is no text
_CHARSET = re.compile(r"charset\s*=\s*\"?(utf-?8|utf-?16(?:le|be)?|iso-8859-\d{1,2}|latin-?1|us-ascii|windows-125\d)\b", re.I)
_HEADERS, _HEADER_CHARS = 100, 1_000
_WITHHELD = {"set-cookie", "set-cookie2", "authentication-info"}
"""Headers whose value lets its holder in."""


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer Http (HttpAnswer) or Connect (Connected). Raises CouldNotLook, Cancelled."""
    limits.check()
    seconds = min(call.timeout_s, limits.timeout_s)
    if isinstance(call, Http):
        return _http(call, Wire(one_line(call.title()), seconds, limits), limits.max_bytes, policy)
    if isinstance(call, Connect):
        return _connect(call, Wire(one_line(call.title()), seconds, limits), policy)
    raise CouldNotLook(call.title(), "missing", "the network answers no such call")


def _connect(call: Connect, wire: Wire, policy: ReadSettings) -> Connected:
    match = None if call.address.startswith("unix:") else _ADDRESS.fullmatch(call.address)
    if match is not None and not 0 < int(match["port"]) < 65_536:
        raise wire.failed("refused", f"port {match['port']} does not exist; ports are 1 to 65535")
    if match is None and not call.address.startswith("unix:"):
        raise wire.failed("refused", "the address is no `host:port`, `[v6]:port` or `unix:/path`")

    def open_line() -> socket.socket:
        if match is None:
            return wire.unix(call.address.removeprefix("unix:"), policy, "nothing")
        return wire.tcp(match["v6"] or match["host"], int(match["port"]), metadata=True)  # a port, nothing is asked of it

    def work() -> float:
        began = time.monotonic()
        with open_line():
            return time.monotonic() - began

    return Connected(took_ms=_ms(wire.within_time(work)))


def _http(call: Http, wire: Wire, max_bytes: int, policy: ReadSettings) -> HttpAnswer:
    _checked(call, wire)
    keep = min(call.body_limit, max_bytes)
    began = time.monotonic()
    status, reason, headers, body = wire.within_time(lambda: _exchange(call, wire, keep, policy))
    cut = [f"the body was cut after {amount(keep, 'byte')}"] if keep and len(body) > keep else []
    kept = {
        name[:_HEADER_CHARS]: "‹withheld›" if name.lower() in _WITHHELD else value[:_HEADER_CHARS]
        for name, value in list(headers.items())[:_HEADERS]
    }
    if len(headers) > _HEADERS or any(len(value) > _HEADER_CHARS for value in headers.values()):
        cut.append(f"headers were cut: at most {_HEADERS} of {_HEADER_CHARS:,} characters each")
    charset = _CHARSET.search(headers.get("Content-Type", ""))
    return HttpAnswer(
        status=status, reason=reason[:200], headers=kept, body=body[:keep].decode(charset[1] if charset else "utf8", "replace"),
        took_ms=_ms(time.monotonic() - began), cut="; ".join(cut) or None, certificate=wire.certificate,
    )  # fmt: skip


def _checked(call: Http, wire: Wire) -> SplitResult:
    """The parts of the address. Raises CouldNotLook for one that is no plain http or https address."""
    if len(call.url) > MAX_URL_CHARS:
        raise wire.failed("refused", f"the address is longer than {MAX_URL_CHARS:,} characters")
    if any(ord(char) <= 0x20 or ord(char) == 0x7F for char in call.url):
        raise wire.failed("refused", "the address holds a space or control character", "percent-encode it")
    try:
        parts = urlsplit(call.url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise wire.failed("refused", f"the address cannot be used: {one_line(error)}") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise wire.failed("refused", "only addresses such as http://host:port/path or https://host/path are looked at")
    if "@" in parts.netloc:
        safe = CouldNotLook(f"{call.method} {parts.scheme}://{one_line(host)}", "refused", "the address holds credentials")
        safe.remedy = "leave them out: what is asked is kept as evidence"
        raise safe
    if call.host is not None and not _HOST.fullmatch(call.host):
        raise wire.failed(
            "refused", f"`host` is {one_line(repr(call.host), 80)}; it should be a host name, with or without :port"
        )
    return parts


def _exchange(call: Http, wire: Wire, keep: int, policy: ReadSettings) -> tuple[int, str, Mapping[str, str], bytes]:
    """Status, reason, headers, and at most one byte more of the body than is kept."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool
    from urllib3.connection import HTTPConnection
    from urllib3.exceptions import DecodeError, HTTPError

    session = requests.Session()
    session.trust_env = False  # no proxy, no .netrc, no CA bundle from the environment
    session.headers.clear()
    session.headers.update({"User-Agent": f"veteran/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"})
    try:
        request = session.prepare_request(requests.Request(call.method, call.url))
    except (requests.RequestException, ValueError) as error:
        raise wire.failed("refused", f"the address cannot be used: {one_line(error)}") from None
    parts = urlsplit(str(request.url))
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    request.headers["Host"] = call.host or parts.netloc
    name = urlsplit(f"//{request.headers['Host']}").hostname or host

    if call.unix is not None and parts.scheme == "https" and reader_line.is_there():
        raise wire.failed("refused", "https over a unix socket cannot be seen to be a GET", "ask by http")

    def open_line() -> socket.socket:
        return wire.unix(call.unix, policy, "http") if call.unix is not None else wire.tcp(host, port)

    class Connection(HTTPConnection):
        def connect(self) -> None:
            self.sock = wire.tls(open_line, name) if parts.scheme == "https" else open_line()

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class Adapter(HTTPAdapter):
        def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
            return pool

    with Pool(host, port) as pool, session:
        session.mount(f"{parts.scheme}://", Adapter())
        try:
            with session.send(request, stream=True, allow_redirects=False, timeout=wire.left()) as response:
                body = b"" if keep == 0 else response.raw.read(keep + 1, decode_content=True)
                return response.status_code, response.reason or "", response.headers, body
        except DecodeError as error:
            raise wire.failed("damaged", f"the body is not encoded as its header says: {one_line(error)}") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _explain(error, wire) from None


def _explain(error: BaseException, wire: Wire) -> CouldNotLook:
    import requests
    from urllib3.exceptions import HTTPError
    from urllib3.exceptions import TimeoutError as Late

    causes: list[BaseException] = [error]
    for cause in causes:
        if len(causes) > 20:
            break
        causes += [item for item in (*cause.args, cause.__cause__, cause.__context__) if isinstance(item, BaseException)]
    if any(isinstance(cause, requests.Timeout | Late | TimeoutError) for cause in causes):
        return wire.slow()
    if any(isinstance(cause, http.client.IncompleteRead | ConnectionError) for cause in causes):
        return wire.failed("unreachable", "the connection was closed without a complete answer", "read the server's error log")
    strange = [cause for cause in causes if isinstance(cause, http.client.HTTPException | HTTPError | ValueError)]
    if strange:
        return wire.failed("damaged", f"what answers does not speak HTTP ({type(strange[-1]).__name__})")
    return wire.failed("failed", one_line(error))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)

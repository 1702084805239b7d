"""The read door to a Docker daemon: the SDK's client, bound to GET requests of a closed list of paths.

The list is in `docker_reads.py`. Everything else is refused here, before a byte leaves, whatever called it; where this process
is locked, the reader refuses it once more, and it alone reaches the daemon's socket.

Imports the SDK: imported itself only when a daemon is first asked.
"""

import errno
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from weakref import finalize

import docker
import docker.constants
import requests
from docker.errors import APIError, DockerException, NotFound, TLSParameterError
from docker.tls import TLSConfig
from requests.exceptions import RequestException

from mcp_server.core.errors import CouldNotLook, Reason
from mcp_server.core.reader import Limits
from mcp_server.core.text import bytes_text, one_line
from mcp_server.targets.docker_contexts import Endpoint, not_supported
from mcp_server.targets.docker_line import line_to, socket_of, through_the_reader
from mcp_server.targets.docker_reads import is_read

FIRST_S = 5.0
"""Seconds that a daemon has to answer at all; one that hangs must not cost a whole question."""
SPOKEN = "1.47"
MAX_ANSWER = 33_554_432


class GetOnly(docker.APIClient):
    """The SDK's client that can only read. A request of any other form raises CouldNotLook (`refused`)."""

    @classmethod
    def connected(cls, url: str, timeout_s: float, tls: TLSConfig | bool) -> "GetOnly":
        """A client that speaks the daemon's version, or the newest whose answers are known here. Raises what the SDK raises."""
        seconds: Any = timeout_s  # the stubs know whole seconds only
        client: Any = cls(url, version=docker.constants.MINIMUM_DOCKER_API_VERSION, timeout=seconds, tls=tls)
        client.trust_env = False
        through_the_reader(client, url, seconds)
        try:
            theirs = str(client.version(api_version=False)["ApiVersion"])
            client._version = min(theirs, SPOKEN, key=lambda text: tuple(map(int, text.split("."))))
        except (KeyError, ValueError, TypeError):
            client.close()
            raise DockerException("something answers that is no docker daemon") from None
        except BaseException:
            client.close()
            raise
        made: GetOnly = client
        return made

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """The one way out of a session, for every verb and helper of the SDK."""
        path = (request.path_url or "").partition("?")[0]
        if request.method != "GET" or not is_read(path):
            raise CouldNotLook(f"{request.method} {one_line(path)}", "refused", "it is no read of a docker daemon")
        options["allow_redirects"] = False
        return super().send(request, **options)

    def _create_websocket_connection(self, url: str) -> NoReturn:
        """The SDK's one way past `send`: it writes into containers."""
        raise CouldNotLook("websocket", "refused", "it is no read of a docker daemon")

    def read(self, path: str, timeout_s: float, parameters: Mapping[str, Any] | None = None) -> requests.Response:
        """One answer as a stream; `path` begins with a slash and has no version. Raises what the SDK raises."""
        base: Any = self  # the SDK's helpers, unknown to its type stubs
        url = f"{self.base_url}/v{base._version}{path}"
        response: requests.Response = base._get(url, params=dict(parameters or {}), timeout=timeout_s, stream=True)
        try:
            base._raise_for_status(response)
        except DockerException:
            response.close()
            raise
        return response


class DockerDoor:
    """One daemon. Connects at the first look; once it did not answer, further looks are told so at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._client: GetOnly | None = None
        self._failed: CouldNotLook | None = None

    def json(self, path: str, limits: Limits, what: str, **parameters: Any) -> Any:
        """The decoded answer. Raises CouldNotLook: missing for 404, denied, unreachable, timed_out, damaged, cut."""
        data = b"".join(self.stream(path, limits, what, **parameters))
        try:
            return json.loads(data)
        except ValueError:
            raise CouldNotLook(what, "damaged", "the daemon's answer is no JSON") from None

    def json_lines(self, path: str, limits: Limits, what: str, **parameters: Any) -> list[Any]:
        """The decoded values of an answer that holds one after the other. Raises as `json`."""
        text, found, at = b"".join(self.stream(path, limits, what, **parameters)).decode("utf8", "replace"), [], 0
        decoder = json.JSONDecoder()
        try:
            while (at := _blank(text, at)) < len(text):
                value, at = decoder.raw_decode(text, at)
                found.append(value)
        except ValueError:
            raise CouldNotLook(what, "damaged", "the daemon's answer is no JSON") from None
        return found

    def stream(
        self, path: str, limits: Limits, what: str, most: int = MAX_ANSWER, **parameters: Any
    ) -> Iterator[bytes]:  # fmt: skip
        """The pieces of an answer as they come. Raises as `json`; `cut` after `most` bytes."""
        left, got = limits.until(), 0
        client = self.connect(limits, what)
        try:
            response = client.read(path, max(0.1, left()), parameters)
            try:
                for piece in response.raw.stream(65_536, decode_content=True):
                    got += len(piece)
                    yield piece
                    if got > most:
                        raise CouldNotLook(what, "cut", f"the answer is larger than {bytes_text(most)}")
                    limits.check()
                    if left() <= 0:
                        raise CouldNotLook(what, "timed_out", f"the answer had not ended after {limits.timeout_s:g} s")
            finally:
                response.close()
        except CouldNotLook:
            raise
        except NotFound as error:
            raise CouldNotLook(what, "missing", one_line(error.explanation or "not found", 200)) from None
        except APIError as error:
            raise self._refusal(what, error) from None
        except Exception as error:
            failure = self._failure(what, error)
            if failure is None:
                raise
            raise failure from None

    def connect(self, limits: Limits, what: str) -> GetOnly:
        """The client, connected. Raises CouldNotLook with what the first attempt met."""
        limits.check()
        if self._failed is not None:
            raise CouldNotLook(what, self._failed.reason, self._failed.detail, self._failed.remedy)
        if self._client is None:
            if unsupported := not_supported(self.endpoint):
                raise unsupported
            timeout = min(limits.first_s(), FIRST_S)
            started = time.monotonic()
            try:
                _knock(self.endpoint.url, timeout)
                self._client = GetOnly.connected(self.endpoint.url, timeout, self._tls())
                finalize(self, self._client.close)  # a place is used for one answer and then forgotten
            except Exception as error:
                failure = self._failure(what, error)
                if failure is None:
                    raise
                if failure.reason == "timed_out":
                    took = time.monotonic() - started
                    failure.detail = f"{self.endpoint.url} accepted the connection and did not answer for {took:.1f} s"
                self._failed = failure
                raise failure from None
        return self._client

    def _tls(self) -> TLSConfig | bool:
        folder = self.endpoint.certificates
        if folder is None:
            return False
        return TLSConfig(
            client_cert=(f"{folder}/cert.pem", f"{folder}/key.pem"), ca_cert=f"{folder}/ca.pem", verify=self.endpoint.verify
        )

    def _refusal(self, what: str, error: APIError) -> CouldNotLook:
        said, status = one_line(error.explanation or error, 200), getattr(error.response, "status_code", 0)
        if status in (401, 403):
            remedy = "let the proxy before it allow this reading"
            return CouldNotLook(what, "denied", f"refused before the daemon: {said}", remedy)
        return CouldNotLook(what, "failed", f"the daemon answered {status}: {said}")

    def _failure(self, what: str, error: BaseException) -> CouldNotLook | None:
        """What went wrong on the way to the daemon; None for what is a defect of ours."""
        url = self.endpoint.url
        if isinstance(error, TLSParameterError):
            return CouldNotLook(what, "denied", f"the certificates of {url} cannot be used: {one_line(error)}")
        causes = list(_causes(error))
        numbers = {item.errno for item in causes if isinstance(item, OSError)}
        words = " ".join(type(item).__name__ for item in causes)
        reason: Reason
        if numbers & {errno.EACCES, errno.EPERM}:
            reason, detail = "denied", f"no right to use {url}"
            remedy = "add the account to group docker and start anew, or name a context whose socket it may use"
        elif errno.ENOENT in numbers:
            reason, detail = "unreachable", f"{url} does not exist: the daemon is not running, or listens elsewhere"
            remedy = "start it (unit docker.service), or name its context: `places` lists them"
        elif "Timeout" in words or errno.ETIMEDOUT in numbers:
            reason, detail = "timed_out", f"{url} did not answer in time"
            remedy = "the daemon hangs: ask service_status of docker.service and its journal on its host"
        elif isinstance(error, DockerException | RequestException | OSError):
            reason, detail = "unreachable", f"{url}: {one_line(causes[-1], 160)}"
            remedy = "start the daemon (unit docker.service), or correct the context's address"
        else:
            return None
        return CouldNotLook(what, reason, detail, remedy)


def _knock(url: str, timeout_s: float) -> None:
    """Raises OSError where nobody listens at a socket: the SDK would leave its own behind."""
    if url.startswith("unix://"):
        line_to(socket_of(url), timeout_s).close()


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and everything it wraps, outermost first: each library adds a layer of its own."""
    seen: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting and len(seen) < 20:
        item = waiting.pop(0)
        if isinstance(item, BaseException) and item not in seen:
            seen.append(item)
            yield item
            waiting += [item.__cause__, item.__context__, *item.args, getattr(item, "reason", None)]

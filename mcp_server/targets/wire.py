"""Connections that are only ever used to look: TCP, unix and TLS, each under one deadline for everything together."""

import errno
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from mcp_server.core.calls import Certificate
from mcp_server.core.errors import CouldNotLook, Reason
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line
from mcp_server.targets import reader_line
from mcp_server.targets.opening import Gate, check_form, explain
from mcp_server.targets.reader_line import Speaks

T = TypeVar("T")
S = TypeVar("S", bound=socket.socket)

_POLL_S = 0.05
_METADATA_NAMES = {"metadata.google.internal", "metadata.goog", "metadata.azure.internal", "instance-data.ec2.internal"}
_METADATA = {
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    )
}  # fmt: skip
"""Where clouds hand credentials to whoever asks from the machine itself."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Wire:
    """One connection under way. `certificate` is what a TLS endpoint presented, whether it could be verified or not."""

    def __init__(self, what: str, seconds: float, limits: Limits) -> None:
        self._what, self._seconds, self._limits = what, seconds, limits
        self._left = Limits(seconds).until()
        self._socket: socket.socket | None = None
        self._ended = False
        self.certificate: Certificate | None = None

    def within_time(self, work: Callable[[], T]) -> T:
        """The result of `work`, done in a thread of its own, because neither a name server nor a slow peer can be told
        to hurry. At the deadline, or when the caller goes away, its connection is cut and nobody waits for it.
        """
        results: list[T] = []
        errors: list[BaseException] = []
        done = threading.Event()

        def run() -> None:
            try:
                results.append(work())
            except BaseException as error:  # noqa: BLE001 -- handed to the caller's thread below
                errors.append(error)
            finally:
                done.set()

        threading.Thread(target=run, daemon=True, name="wire").start()
        try:
            while not done.wait(min(_POLL_S, self._left())):
                self._limits.check()
                if self._left() <= 0:
                    raise self.slow()
        finally:
            self._ended = True
            self._cut()
        if errors:
            raise errors[0]
        return results[0]

    def left(self) -> float:
        """Seconds until the deadline, never quite none: a socket takes 0 for "do not wait"."""
        return max(self._left(), 0.001)

    def slow(self) -> CouldNotLook:
        """The failure of a peer that does not answer in time."""
        return self.failed("timed_out", f"no complete answer within {self._seconds:g} s")

    def failed(self, reason: Reason, detail: str, remedy: str = "") -> CouldNotLook:
        """CouldNotLook about this connection."""
        return CouldNotLook(self._what, reason, detail, remedy)

    def tcp(self, host: str, port: int, *, metadata: bool = False) -> socket.socket:
        """Connected to the first address of `host` that accepts. Addresses of cloud metadata are refused by default."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self.failed("unreachable", f"the name {one_line(host)} has no address: {reason}", "check the name") from None
        if not metadata and any(is_metadata(host, str(item[4][0])) for item in found):
            raise self.failed("refused", f"{one_line(host)} is a cloud metadata address, which hands out credentials")
        failure: OSError | None = None
        for index, (family, kind, protocol, _, address) in enumerate(found):
            try:
                return self._connect(family, kind, protocol, address, self.left() / (len(found) - index))
            except OSError as error:
                failure = error
        raise self._explain(failure or OSError(errno.EADDRNOTAVAIL, "no address"), f"{one_line(host)} port {port}")

    def unix(self, path: str, policy: ReadSettings, speaks: Speaks) -> socket.socket:
        """Connected to a unix socket inside the allowed roots, to say what this protocol asks; one question a connection."""
        if not reader_line.is_there():
            return self.unix_directly(path, policy)
        return self._keep(reader_line.connected(self._what, speaks, path, self.left()))

    def unix_directly(self, path: str, policy: ReadSettings) -> socket.socket:
        """The same from this process."""
        check_form(path)
        Gate(policy).check(path, os.path.realpath(path))
        if len(os.fsencode(path)) > 107:
            raise self.failed("refused", "the path of a unix socket has at most 107 bytes", "name a shorter path")
        try:
            return self._connect(socket.AF_UNIX, socket.SOCK_STREAM, 0, path, self.left())
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP):
                raise explain(path, error) from None
            raise self._explain(error, one_line(path)) from None

    def tls(self, connect: Callable[[], socket.socket], name: str) -> ssl.SSLSocket:
        """A TLS connection to `name`. Where its certificate cannot be verified, another one that does not verify: what is
        sent over it must be nothing secret, and `certificate` says that, and why.
        """
        context, problem = _trusting(), None
        try:
            wrapped = self._handshake(context, connect(), name)
        except ssl.SSLCertVerificationError as error:
            problem = error.verify_message or str(error)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            wrapped = self._handshake(context, connect(), name)
        try:
            self.certificate = _certificate(wrapped.getpeercert(binary_form=True) or b"", problem)
        except ValueError as error:
            wrapped.close()
            raise self.failed("damaged", f"the certificate cannot be parsed: {one_line(error)}") from None
        return wrapped

    def _handshake(self, context: ssl.SSLContext, plain: socket.socket, name: str) -> ssl.SSLSocket:
        try:
            wrapped = context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
        except (ValueError, OSError) as error:
            plain.close()
            raise self.failed("failed", f"no TLS connection can be made: {one_line(error)}") from None
        try:
            self._keep(wrapped).do_handshake()
        except ssl.SSLCertVerificationError:
            wrapped.close()
            raise
        except TimeoutError:
            wrapped.close()
            raise self.slow() from None
        except OSError as error:
            wrapped.close()
            said = getattr(error, "reason", None) or error.strerror or str(error)
            raise self.failed("damaged", f"what answers does not complete a TLS handshake: {said}") from None
        return wrapped

    def _connect(self, family: int, kind: int, protocol: int, address: Any, seconds: float) -> socket.socket:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(seconds)
            self._keep(sock).connect(address)
            sock.settimeout(self.left())
        except BaseException:
            sock.close()
            raise
        return sock

    def _keep(self, sock: S) -> S:
        """Remember what to cut; a connection that comes after the end is cut at once."""
        self._socket = sock
        if self._ended:
            self._cut()
        return sock

    def _cut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # not SSLSocket.shutdown, which is not meant for another thread
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _explain(self, error: OSError, where: str) -> CouldNotLook:
        if isinstance(error, TimeoutError):
            return self.failed("timed_out", f"{where} did not accept a connection in time", "check routes and firewalls")
        if error.errno == errno.ECONNREFUSED:
            return self.failed("unreachable", f"{where} refuses connections: nothing listens there")
        return self.failed("unreachable", f"{where} cannot be reached: {error.strerror or error}")


def is_metadata(host: str, address: str) -> bool:
    """Whether this name, or the address behind it in any notation, is one where a cloud hands out credentials."""
    if host.rstrip(".").lower() in _METADATA_NAMES:
        return True
    found = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped in _METADATA
        if found in _NAT64:
            return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) in _METADATA
    return found in _METADATA


def _trusting() -> ssl.SSLContext:
    """What this system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` count); the bundle of certifi where it has no store."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return ssl.create_default_context()
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _certificate(der: bytes, problem: str | None) -> Certificate:
    from cryptography import x509

    from mcp_server.targets.certificates import names_of

    found = x509.load_der_x509_certificate(der)
    return Certificate(
        subject=found.subject.rfc4514_string(), issuer=found.issuer.rfc4514_string(), not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc, names=names_of(found), verified=problem is None, problem=problem,
    )  # fmt: skip

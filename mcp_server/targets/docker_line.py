"""Connections to a Docker daemon's socket: directly, or from a locked process through the reader.

The reader passes one request on for each connection, so the SDK is given connections of our own making.
"""

import socket
from typing import Any

from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool

from mcp_server.targets import reader_line


def socket_of(url: str) -> str:
    """The path in `unix:///path`."""
    return "/" + url.removeprefix("unix://").lstrip("/")


def line_to(path: str, timeout_s: float) -> socket.socket:
    """Connected to the daemon's socket. Raises OSError, CouldNotLook."""
    if reader_line.is_there():
        return reader_line.connected("docker daemon", "docker", path, timeout_s)
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(timeout_s)
        line.connect(path)
    except BaseException:
        line.close()
        raise
    return line


def through_the_reader(client: Any, url: str, timeout_s: Any) -> None:
    """Have the SDK's client use such connections, where there is a reader."""
    if url.startswith("unix://") and reader_line.is_there():
        client._custom_adapter.close()
        client._custom_adapter = _Adapter(f"http+unix://{socket_of(url)}", timeout_s)
        client.mount("http+docker://", client._custom_adapter)


class _Connection(UnixHTTPConnection):
    def connect(self) -> None:
        self.sock = line_to(self.unix_socket, self.timeout)


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        seconds: Any = self.timeout
        return _Connection(self.base_url, self.socket_path, seconds)


class _Adapter(UnixHTTPAdapter):
    def get_connection(self, url: Any, proxies: Any = None) -> _Pool:
        with self.pools.lock:
            pool = self.pools.get(url)
            if pool is None:
                pool = self.pools[url] = _Pool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
            return pool

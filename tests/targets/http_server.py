"""A server that answers as it is told, and looks at it."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mcp_server.core.calls import Connect, Connected, Http, HttpAnswer
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import http

ANYWHERE = ReadSettings()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nready\n"


class Server:
    """Answers every connection with the same bytes and keeps what was asked."""

    def __init__(
        self, answer: bytes | Callable[[Any], None], family: int = socket.AF_INET, where: Any = ("127.0.0.1", 0)
    ) -> None:
        self.answer, self.asked, self.context = answer, [], None  # type: tuple[Any, list[bytes], ssl.SSLContext | None]
        self.socket = socket.socket(family)
        self.socket.bind(where)
        self.socket.listen()
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.socket.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), line:
                if self.context is not None:
                    with self.context.wrap_socket(line, server_side=True) as inner:
                        self._converse(inner)
                else:
                    self._converse(line)

    def _converse(self, line: Any) -> None:
        line.settimeout(5)
        if asked := line.recv(65_536):
            self.asked.append(asked)
        if callable(self.answer):
            self.answer(line)
        elif asked:
            line.sendall(self.answer)

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(6)


def get(url: str, limits: Limits | None = None, policy: ReadSettings = ANYWHERE, **call: Any) -> HttpAnswer:
    answer = http.look(Http(url=url, **call), limits or Limits(), policy)
    assert isinstance(answer, HttpAnswer)
    return answer


def connect(address: str, **call: Any) -> Connected:
    answer = http.look(Connect(address=address, **call), Limits(), ANYWHERE)
    assert isinstance(answer, Connected)
    return answer


def refusal(act: Callable[[], object]) -> CouldNotLook:
    with pytest.raises(CouldNotLook) as caught:
        act()
    return caught.value

"""A service at a unix socket that keeps what it is told, and answers everything as HTTP would."""

import socket
import threading
from contextlib import suppress
from pathlib import Path


class Listening:
    """Listens from the start; `told` is what came, piece by piece."""

    def __init__(self, path: Path) -> None:
        self.path, self.told = path, list[bytes]()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(512)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line = self._socket.accept()[0]
                threading.Thread(target=self._hear, args=(line,), daemon=True).start()

    def _hear(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            while part := line.recv(65_536):
                self.told.append(part)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

"""A service that accepts connections and never answers: the worst that a daemon can do to those who ask it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hung_socket(path: Path) -> Iterator[str]:
    """Listen at a unix socket of this path; gives its address as docker writes it."""
    taken: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(64)

        def accept() -> None:
            try:
                while True:
                    taken.append(listening.accept()[0])
            except OSError:  # closed: the test is over
                return

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for item in taken:
                item.close()

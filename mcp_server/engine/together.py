"""Several pieces of work at once, for one caller who may go away."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from mcp_server.core.errors import Cancelled
from mcp_server.engine.session import Asking

T = TypeVar("T")


def together(work: Sequence[tuple[str, Callable[[], T]]], asking: Asking, *, parallel: int, what: str) -> list[T]:
    """The results of named pieces of work, in their order; at most `parallel` at a time; progress says `2 of 5 {what}`.

    Raises Cancelled when the caller goes away, else the first error of any piece.
    """
    results: dict[int, T] = {}
    errors: list[BaseException] = []
    slots = threading.Semaphore(parallel)
    done = threading.Semaphore(0)

    def piece(index: int, do: Callable[[], T]) -> None:
        try:
            with slots:
                results[index] = do()
        except BaseException as error:  # noqa: BLE001 -- handed to the caller's thread below
            errors.append(error)
        finally:
            done.release()

    for index, (name, do) in enumerate(work):
        threading.Thread(target=piece, args=(index, do), daemon=True, name=name).start()
    for count in range(len(work)):
        while not done.acquire(timeout=0.05):
            if asking.cancel.is_set() and not done.acquire(timeout=2):
                raise Cancelled("cancelled; looks still under way were told to stop")
        asking.progress(count + 1, len(work), f"{count + 1} of {len(work)} {what}")
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(work))]

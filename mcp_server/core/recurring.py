"""What happens again and again, told by one time that stands for all: the last before the onset. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from mcp_server.core.clock import stamp
from mcp_server.core.outcome import Value

W_co = TypeVar("W_co", covariant=True)
SINGLE = 3
"""So many times of one thing are told one by one."""


class Timed(Protocol):
    """Anything that happened at some moment."""

    @property
    def at(self) -> datetime: ...


T = TypeVar("T", bound=Timed)


@dataclass(frozen=True)
class Times:
    """One time that something happened, or several as one."""

    at: datetime
    stamp: str = ""
    count: int = 1
    first: datetime | None = None
    last: datetime | None = None

    def again(self, text: str) -> tuple[str, dict[str, Value]]:
        """The sentence with how often and when, and the values for that."""
        if self.count == 1 or self.first is None or self.last is None:
            return text, {}
        more: dict[str, Value] = {"count": self.count, "first": stamp(self.first), "last": stamp(self.last)}
        return text + ", {count} times between {first} and {last}", more


R = TypeVar("R", bound=Times)


@dataclass(frozen=True, kw_only=True)
class Occurrence(Times, Generic[W_co]):
    """With what it was that happened."""

    what: W_co


def folded(row: Sequence[R], onset: datetime | None) -> list[R]:
    """The same thing at several times, in order: each by itself while they are few, else one that stands for all."""
    return list(row) if len(row) <= SINGLE else [one(row, onset)]


def one(row: Sequence[R], onset: datetime | None) -> R:
    """The last time before the onset, else the first after it, with the count and the ends of all."""
    row = sorted(row, key=lambda item: item.at)  # a clock may have gone back while they were noted
    before = [item for item in row if onset is None or item.at <= onset]
    stands = before[-1] if before else row[0]
    first, last = min(item.first or item.at for item in row), max(item.last or item.at for item in row)
    return replace(stands, count=sum(item.count for item in row), first=first, last=last)


def nearest(found: Iterable[T], onset: datetime | None, most: int) -> tuple[list[T], list[T]]:
    """The last `most` before the onset (of those after it the earliest), and the rest; each in order of time."""

    def place(item: T) -> tuple[bool, float]:
        late = onset is not None and item.at > onset
        return late, item.at.timestamp() if late else -item.at.timestamp()

    ranked = sorted(found, key=place)
    return sorted(ranked[:most], key=lambda item: item.at), sorted(ranked[most:], key=lambda item: item.at)

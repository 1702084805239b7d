"""The base of every way to look: what a call is."""

from typing import TYPE_CHECKING, Generic, TypeVar

from mcp_server.core.noun import Noun

A = TypeVar("A")


class Call(Noun, Generic[A]):
    """One look, without side effects. `A` is the type of its answer."""

    if not TYPE_CHECKING:  # `A` is for the type checker; a model class of its own for every answer would cost start-up time

        def __class_getitem__(cls, answer: object) -> type["Call"]:
            return cls

    def title(self) -> str:
        """Short name for coverage lines, such as `df -P` or `/etc/nginx/nginx.conf`."""
        raise TypeError(f"{type(self).__name__} declares no title")

"""Ways to look at what package managers keep of their past: packed logs, and databases of transactions."""

from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call
from mcp_server.core.calls import FileText
from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun


class UnpackedText(FileText):
    """A stretch of what a packed file unfolds into; offsets and size are of the unpacked bytes that came out."""

    stopped: str | None = Field(None, description="why it ended before its end; None when all came out")


class ReadUnpacked(Call[UnpackedText]):
    """A stretch of a packed log (gzip, bzip2, xz, zstd; told by its first bytes). A negative `start` counts from the end."""

    kind: Literal["unpacked"] = "unpacked"
    path: str
    start: int = 0
    length: int = Field(262_144, ge=1, le=16_777_216)

    def title(self) -> str:
        return self.path


Deed = Literal["install", "upgrade", "downgrade", "reinstall", "remove", "replaced", "other"]


class PackageDeed(Noun):
    """What a transaction did to one package. `replaced`: the version that went when another came."""

    deed: Deed
    package: str
    version: str
    arch: str = ""
    done: bool = Field(True, description="False where the manager did not note that it was finished")


class PackageTransaction(Noun):
    """One run of a package manager. Without `ended` it is under way, or was interrupted."""

    number: int
    began: Moment
    ended: Moment | None = None
    state: Literal["ok", "failed", "open"]
    command: str | None = None
    deeds: tuple[PackageDeed, ...] = ()


class Transactions(Noun):
    """Transactions that reach into the time asked for, oldest first. `reaches` is when the oldest one known began."""

    path: str
    manager: Literal["dnf4", "dnf5"]
    transactions: tuple[PackageTransaction, ...] = ()
    reaches: Moment | None = None
    doubt: str | None = Field(None, description="why newer transactions than these may be missing")
    cut: str | None = None


class ReadTransactions(Call[Transactions]):
    """Transactions in dnf's database of history that began or ended at `since` or later. Nothing is written or locked."""

    kind: Literal["transactions"] = "transactions"
    path: str
    since: Moment
    until: Moment
    limit: int = Field(5_000, ge=1, le=50_000, description="packages told at most")

    def title(self) -> str:
        return f"transactions in {self.path}"


ANSWERS: dict[type[Call[Any]], type[Noun]] = {ReadUnpacked: UnpackedText, ReadTransactions: Transactions}
"""The calls of this module, each with the type of its answer."""

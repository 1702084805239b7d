"""Transactions of dnf as rows, one for each package: the version that came and the one that went are one row."""

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

from mcp_server.core.package_calls import PackageTransaction
from mcp_server.logs.package_log import RESOLUTION, Action, Row


def rows(transaction: PackageTransaction) -> Iterator[Row]:
    """Rows dated by the beginning of the transaction; its length is their doubt."""
    gone = {(item.package, item.arch): item.version for item in transaction.deeds if item.deed == "replaced"}
    taken = max(timedelta(), (transaction.ended or transaction.began) - transaction.began)
    for item in transaction.deeds:
        if item.deed in ("replaced", "other"):
            continue
        removed = item.deed == "remove"
        old = item.version if removed else gone.pop((item.package, item.arch), None)
        yield _row(transaction, taken, item.deed, item.package, old, None if removed else item.version, done=item.done)
    for (package, _), version in gone.items():  # another package took its place
        yield _row(transaction, taken, "remove", package, version, None, done=transaction.state == "ok")


def _row(
    transaction: PackageTransaction,
    taken: timedelta,
    action: str,
    package: str,
    old: str | None,
    new: str | None,
    *,
    done: bool,
) -> Row:
    began = transaction.began
    return Row(
        transaction.number, began, RESOLUTION + taken, str(int(began.timestamp())), cast(Action, action), package, old, new,
        transaction.command, None if done else "failed" if transaction.state == "failed" else "open",
    )  # fmt: skip

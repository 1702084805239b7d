"""What dnf did, from its own database: dnf5's `transaction_history.sqlite`, dnf 4's `history.sqlite`."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.package_calls import Deed, PackageDeed, PackageTransaction, ReadTransactions, Transactions
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import amount
from mcp_server.targets.opening import failed, moment, shown
from mcp_server.targets.sqlite_image import opened

_RUNS = 2_000


@dataclass(frozen=True)
class _Form:
    """How one version of dnf keeps its history."""

    manager: Literal["dnf4", "dnf5"]
    trans: str
    deeds: str
    states: dict[int, Literal["ok", "failed"]]
    done: int
    names: dict[int, Deed]


_FORMS = (
    _Form(
        "dnf5",
        "SELECT id, dt_begin, dt_end, state_id, description FROM trans",
        "SELECT i.trans_id, i.action_id, i.state_id, n.name, r.epoch, r.version, r.release, a.name FROM trans_item i"
        " JOIN rpm r ON r.item_id = i.item_id JOIN pkg_names n ON n.id = r.name_id JOIN archs a ON a.id = r.arch_id",
        {2: "ok", 3: "failed"}, 2,
        {1: "install", 2: "upgrade", 3: "downgrade", 4: "reinstall", 5: "remove", 6: "replaced"},
    ),
    _Form(
        "dnf4",
        "SELECT id, dt_begin, dt_end, state, cmdline FROM trans",
        "SELECT i.trans_id, i.action, i.state, r.name, r.epoch, r.version, r.release, r.arch FROM trans_item i"
        " JOIN rpm r ON r.item_id = i.item_id",
        {1: "ok", 2: "failed"}, 1,
        {
            1: "install", 2: "downgrade", 3: "replaced", 4: "install", 5: "replaced", 6: "upgrade", 7: "replaced",
            8: "remove", 9: "reinstall", 10: "replaced",
        },
    ),
)  # fmt: skip


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer ReadTransactions (Transactions). Raises CouldNotLook, Cancelled."""
    limits.check()
    if not isinstance(call, ReadTransactions):
        raise CouldNotLook(call.title(), "missing", "histories of packages answer no such call")
    with opened(call.path, limits, policy) as image:
        tables = {name for (name,) in image.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if not {"trans", "trans_item", "rpm"} <= tables:
            raise failed(call.path, "damaged", "it lacks the tables of dnf's history", "dnf history list")
        return _read(call, image.connection, image.doubt, _FORMS[0] if "pkg_names" in tables else _FORMS[1])


def _read(call: ReadTransactions, database: sqlite3.Connection, doubt: str | None, form: _Form) -> Transactions:
    since, until = call.since.timestamp(), call.until.timestamp()
    (first,) = database.execute("SELECT min(dt_begin) FROM trans").fetchone()
    runs = database.execute(
        f"{form.trans} WHERE max(dt_begin, coalesce(dt_end, 0)) >= ? AND dt_begin <= ? ORDER BY id DESC LIMIT ?",
        (int(since), until, _RUNS + 1),
    ).fetchall()
    cut = f"more than {amount(_RUNS, 'transaction')}; the newest are told" if len(runs) > _RUNS else None
    runs = runs[:_RUNS]
    deeds: dict[int, list[PackageDeed]] = {number: [] for number, *_ in runs}
    if runs:
        rows = database.execute(
            f"{form.deeds} WHERE i.trans_id BETWEEN ? AND ? ORDER BY i.id DESC LIMIT ?",
            (min(deeds), max(deeds), call.limit + 1),
        ).fetchall()
        cut = f"more than {amount(call.limit, 'package')}; the newest are told" if len(rows) > call.limit else cut
        for number, action, state, name, epoch, version, release, arch in reversed(rows[: call.limit]):
            if number in deeds:
                whole = f"{_number(epoch)}:{version}-{release}" if epoch else f"{version}-{release}"
                deeds[number].append(
                    PackageDeed(
                        deed=form.names.get(action, "other"), package=str(name)[:300], version=whole[:300],
                        arch=str(arch)[:50], done=state == form.done,
                    )
                )  # fmt: skip
    told = [
        PackageTransaction(
            number=_number(number), began=moment(_number(begin)), ended=None if end is None else moment(_number(end)),
            state=form.states.get(state, "open"), command=str(command)[:1_000] if command else None,
            deeds=tuple(deeds[number]),
        )
        for number, begin, end, state, command in reversed(runs)
    ]  # fmt: skip
    return Transactions(
        path=shown(call.path), manager=form.manager, transactions=tuple(told), doubt=doubt, cut=cut,
        reaches=None if first is None else moment(_number(first)),
    )  # fmt: skip


def _number(value: Any) -> int:
    """Columns hold whatever was written into them. Raises ValueError for what is no number."""
    if not isinstance(value, int):
        raise ValueError("no number")
    return value

"""Databases of history as dnf5 and dnf 4 make them: the same tables and columns, written by SQLite itself."""

import sqlite3
from pathlib import Path

DNF5 = """
CREATE TABLE trans_state (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO trans_state VALUES (1, 'Started'), (2, 'Ok'), (3, 'Error');
CREATE TABLE trans (id INTEGER PRIMARY KEY AUTOINCREMENT, dt_begin INTEGER NOT NULL, dt_end INTEGER, rpmdb_version_begin TEXT,
  rpmdb_version_end TEXT, releasever TEXT NOT NULL, user_id INTEGER NOT NULL, description TEXT, comment TEXT,
  state_id INTEGER REFERENCES trans_state(id));
CREATE TABLE pkg_names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE archs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE item (id INTEGER PRIMARY KEY);
CREATE TABLE trans_item (id INTEGER PRIMARY KEY AUTOINCREMENT, trans_id INTEGER REFERENCES trans(id), item_id INTEGER,
  repo_id INTEGER, action_id INTEGER NOT NULL, reason_id INTEGER NOT NULL, state_id INTEGER NOT NULL);
CREATE TABLE rpm (item_id INTEGER NOT NULL UNIQUE, name_id INTEGER NOT NULL, epoch INTEGER NOT NULL, version TEXT NOT NULL,
  release TEXT NOT NULL, arch_id INTEGER NOT NULL);
CREATE INDEX trans_item_trans_id ON trans_item(trans_id);
"""
DNF4 = """
CREATE TABLE trans (id INTEGER PRIMARY KEY AUTOINCREMENT, dt_begin INTEGER NOT NULL, dt_end INTEGER, rpmdb_version_begin TEXT,
  rpmdb_version_end TEXT, releasever TEXT NOT NULL, user_id INTEGER NOT NULL, cmdline TEXT, state INTEGER NOT NULL);
CREATE TABLE item (id INTEGER PRIMARY KEY, item_type INTEGER NOT NULL);
CREATE TABLE trans_item (id INTEGER PRIMARY KEY AUTOINCREMENT, trans_id INTEGER REFERENCES trans(id), item_id INTEGER,
  repo_id INTEGER, action INTEGER NOT NULL, reason INTEGER NOT NULL, state INTEGER NOT NULL);
CREATE TABLE rpm (item_id INTEGER UNIQUE NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL, version TEXT NOT NULL,
  release TEXT NOT NULL, arch TEXT NOT NULL);
"""
ACTIONS = {
    "dnf5": {"install": 1, "upgrade": 2, "downgrade": 3, "reinstall": 4, "remove": 5, "replaced": 6, "reason": 7},
    "dnf4": {"install": 1, "downgrade": 2, "replaced": 7, "upgrade": 6, "remove": 8, "reinstall": 9, "reason": 11},
}  # fmt: skip
STATES = {"dnf5": {"open": 1, "ok": 2, "failed": 3}, "dnf4": {"open": 0, "ok": 1, "failed": 2}}


class History:
    """A database under construction; `write` adds one transaction of (action, name, epoch, version, release)."""

    def __init__(self, path: Path, manager: str, *, wal: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.manager = manager
        self.database = sqlite3.connect(path)
        if wal:
            self.database.execute("PRAGMA journal_mode=WAL")
            self.database.execute("PRAGMA wal_autocheckpoint=0")
        self.database.executescript(DNF5 if manager == "dnf5" else DNF4)

    def write(
        self, begin: int, deeds: list[tuple[str, str, int, str, str]], *, end: int | None = -1, state: str = "ok",
        command: str = "dnf upgrade",
    ) -> None:  # fmt: skip
        """`end` defaults to two seconds after the beginning; None for a transaction without an end."""
        run, done = self.database.execute, STATES[self.manager][state]
        end = begin + 2 if end == -1 else end
        if self.manager == "dnf5":
            fields = (begin, end, command, done)
            number = run("INSERT INTO trans VALUES (NULL, ?, ?, '', '', '41', 0, ?, '', ?)", fields).lastrowid
        else:
            fields = (begin, end, command, done)
            number = run("INSERT INTO trans VALUES (NULL, ?, ?, '', '', '9', 0, ?, ?)", fields).lastrowid
        for action, name, epoch, version, release in deeds:
            if self.manager == "dnf5":
                item = run("INSERT INTO item VALUES (NULL)").lastrowid
                run("INSERT OR IGNORE INTO pkg_names (name) VALUES (?)", (name,))
                run("INSERT OR IGNORE INTO archs (name) VALUES ('x86_64')")
                run(
                    "INSERT INTO rpm SELECT ?, n.id, ?, ?, ?, a.id FROM pkg_names n, archs a WHERE n.name = ?",
                    (item, epoch, version, release, name),
                )
            else:
                item = run("INSERT INTO item VALUES (NULL, 1)").lastrowid
                run("INSERT INTO rpm VALUES (?, ?, ?, ?, ?, 'x86_64')", (item, name, epoch, version, release))
            run("INSERT INTO trans_item VALUES (NULL, ?, ?, 1, ?, 2, ?)", (number, item, ACTIONS[self.manager][action], done))
        self.database.commit()

    def close(self) -> None:
        """What SQLite does at a clean end: the write-ahead log is taken into the database."""
        self.database.close()

"""Full-text search over what is known: SQLite FTS5 in the state folder, terms and concepts indexed apart.

Ranking is BM25 over weighted columns, plus bonuses for whole phrases: a symptom that a playbook lists, and runs of words that
an error text shares with a document. Every hit can say which of these it owes its place to.
"""

import difflib
import json
import math
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from mcp_server.core.errors import Broken
from mcp_server.core.noun import Noun
from mcp_server.incident.wording import concepts, terms

Source = Literal["playbook", "incident", "runbook", "commit", "trouble"]
FORM = 2
"""Raise it when what is kept in the index changes: an index of another form is made anew."""
BODY_CHARS = 40_000
CANDIDATES = 60
_COLUMNS = {"title": 5.0, "keys": 6.0, "summary": 3.0, "ideas": 4.0, "body": 1.0, "body_ideas": 0.6}
_PHRASE, _RUN = 2.5, 1.5
"""Worth of one word of a listed symptom that was said whole, and of one word of a run shared with an error text."""
_ABOUT = 4.0
"""Worth of a concept that a document says it is about; more when it was said in several ways."""
_SHORTEST_RUN = 4
_NEAR = 0.82
"""How alike two words must be to be one with a typing error: `conection` and `connection` are at 0.95."""


class Document(Noun):
    """Something worth finding. `keys` are phrases by which it wants to be found; all text is redacted already."""

    source: Source
    name: str = Field(description="how it is named in answers: a playbook's name, INC-7, a path, a commit")
    where: str = Field("", description="where it can be read")
    title: str
    keys: tuple[str, ...] = ()
    about: tuple[str, ...] = Field((), description="concepts that it is about, as its author declares")
    summary: str = ""
    body: str = ""
    state: str = Field("", description="what it was when it was indexed: another state means that it is read again")


class Hit(Noun):
    """A document found, and why."""

    source: Source
    name: str
    where: str
    title: str
    summary: str
    score: float
    phrases: tuple[str, ...] = Field((), description="symptoms it lists that were said")
    words: tuple[str, ...] = Field((), description="words shared, as asked")
    ideas: tuple[str, ...] = Field((), description="meant the same: latency, down …")
    read_as: dict[str, str] = Field({}, description="words that were not known and what they were taken for")
    run: str = Field("", description="longest run of words shared with its text")


class Index:
    """One index file, or one in memory. Safe for threads of one process; another process sees whole updates only."""

    def __init__(self, path: str | Path = ":memory:") -> None:
        self._lock = threading.RLock()
        try:
            self._db = self._open(path)
            if self._db.execute("PRAGMA user_version").fetchone()[0] != FORM:
                self._db.close()
                if path != ":memory:":
                    for end in ("", "-wal", "-shm"):
                        Path(f"{path}{end}").unlink(missing_ok=True)
                self._db = self._open(path)
                self._make()
        except (OSError, sqlite3.Error) as error:
            raise Broken(f"the knowledge index {path} cannot be used: {error}", "remove the file; it is made anew") from None

    @staticmethod
    def _open(path: str | Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.DatabaseError:  # not a database: made anew
            db.close()
            Path(path).unlink(missing_ok=True)
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        db.execute("PRAGMA synchronous=OFF")  # it can always be made again
        return db

    def _make(self) -> None:
        columns = ", ".join(_COLUMNS)
        self._db.executescript(
            "BEGIN IMMEDIATE; CREATE TABLE document (id INTEGER PRIMARY KEY, source TEXT, name TEXT, state TEXT, shown TEXT, "
            "UNIQUE (source, name)) STRICT;"
            f"CREATE VIRTUAL TABLE text USING fts5({columns}, tokenize='unicode61 remove_diacritics 2');"
            f"CREATE TABLE word (term TEXT PRIMARY KEY) STRICT, WITHOUT ROWID; PRAGMA user_version={FORM}; COMMIT;"
        )

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def states(self, source: Source) -> dict[str, str]:
        """Name and state of everything kept of one source."""
        with self._lock:
            return dict(self._db.execute("SELECT name, state FROM document WHERE source = ?", (source,)))

    def update(self, source: Source, changed: Iterable[Document], gone: Iterable[str] = ()) -> int:
        """Put in what is new or changed, take out what is gone; returns how many documents were written."""
        count = 0
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for name in gone:
                    self._remove(source, name)
                for document in changed:
                    self._remove(source, document.name)
                    self._insert(document)
                    count += 1
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        return count

    def _remove(self, source: Source, name: str) -> None:
        row = self._db.execute("SELECT id FROM document WHERE source = ? AND name = ?", (source, name)).fetchone()
        if row:
            self._db.execute("DELETE FROM text WHERE rowid = ?", row)
            self._db.execute("DELETE FROM document WHERE id = ?", row)

    def _insert(self, document: Document) -> None:
        shown = document.model_dump(mode="json", exclude={"body", "state"})
        cursor = self._db.execute(
            "INSERT INTO document (source, name, state, shown) VALUES (?, ?, ?, ?)",
            (document.source, document.name, document.state, json.dumps(shown)),
        )
        body = document.body[:BODY_CHARS]
        head = "\n".join((document.title, *document.keys, document.summary))
        stems = [
            terms(document.title),
            [stem for key in document.keys for stem in terms(key)],
            terms(document.summary),
            terms(body),
        ]
        title, keys, summary, text = (" ".join(words) for words in stems)
        self._db.executemany("INSERT OR IGNORE INTO word VALUES (?)", {(stem,) for words in stems for stem in words})
        row = (cursor.lastrowid, title, keys, summary, " ".join(concepts(head)), text, " ".join(concepts(body)))
        self._db.execute(
            "INSERT INTO text (rowid, title, keys, summary, ideas, body, body_ideas) VALUES (?, ?, ?, ?, ?, ?, ?)", row
        )

    def search(self, text: str, *, limit: int = 10, sources: Sequence[Source] = ()) -> list[Hit]:
        """The best documents for a question, an error text or a symptom, best first."""
        asked, meant = list(dict.fromkeys(terms(text)))[:64], dict(concepts(text).most_common(24))
        with self._lock:
            read_as = {word: near for word in asked if (near := self._nearest(word))}
            wanted = [read_as.get(word, word) for word in asked]
            clauses = []
            if wanted:
                clauses.append(f"{{title keys summary body}} : ({' OR '.join(map(_quoted, wanted))})")
            if meant:
                clauses.append(f"{{ideas body_ideas}} : ({' OR '.join(map(_quoted, meant))})")
            if not clauses:
                return []
            marks = f" AND source IN ({', '.join('?' * len(sources))})" if sources else ""
            weights = ", ".join(str(weight) for weight in _COLUMNS.values())
            joined = " JOIN document ON document.id = text.rowid" if sources else ""
            best = (
                f"SELECT text.rowid AS id, -bm25(text, {weights}) AS score FROM text{joined}"  # noqa: S608 -- all of it is ours
                f" WHERE text MATCH ?{marks} ORDER BY score DESC LIMIT ?"
            )
            rows = self._db.execute(
                "SELECT shown, score, text.title, text.keys, text.summary, text.ideas, text.body, text.body_ideas"  # noqa: S608
                f" FROM ({best}) AS best JOIN text ON text.rowid = best.id JOIN document ON document.id = best.id",
                (" OR ".join(clauses), *sources, CANDIDATES),
            ).fetchall()
        said = [read_as.get(word, word) for word in terms(text)]
        hits = [_hit(row, said, wanted, meant, read_as) for row in rows]
        return sorted(hits, key=lambda hit: (-hit.score, hit.source, hit.name))[:limit]

    def _nearest(self, word: str) -> str | None:
        """The known word that an unknown one was probably meant to be; None for a known one, or where none is near."""
        if len(word) < 4 or self._db.execute("SELECT 1 FROM word WHERE term = ?", (word,)).fetchone():
            return None
        near: list[str] = []
        for start in dict.fromkeys((word[:2], word[1::-1], word[0])):  # the second: its first letters were swapped
            end = start[:-1] + chr(ord(start[-1]) + 1)
            rows = self._db.execute(
                "SELECT term FROM word WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?",
                (start, end, len(word) - 1, len(word) + 1),
            )
            near += [row[0] for row in rows]
            if found := difflib.get_close_matches(word, near, n=1, cutoff=_NEAR):
                return found[0]
        return None


def _hit(
    row: tuple[Any, ...], said: Sequence[str], wanted: Sequence[str], meant: Mapping[str, int], read_as: Mapping[str, str]
) -> Hit:  # fmt: skip
    shown, score = json.loads(row[0]), float(row[1])
    title, keys, summary, ideas, body, body_ideas = (text.split() for text in row[2:])
    everything, listed = {*title, *keys, *summary, *body}, {*ideas, *body_ideas}
    phrases = [key for key in shown["keys"] if _is_said(_phrase(key), said)]
    score += sum(_PHRASE * len(_phrase(key)) for key in phrases)
    score += sum(_ABOUT * math.sqrt(count) for idea, count in meant.items() if idea in shown["about"])
    run = _longest_run(said, body if len(said) >= _SHORTEST_RUN else []) or _longest_run(said, title)
    score += _RUN * len(run)
    return Hit(
        **{key: shown[key] for key in ("source", "name", "where", "title", "summary")}, score=round(score, 2),
        phrases=tuple(phrases), words=tuple(word for word in wanted if word in everything), run=" ".join(run),
        ideas=tuple(idea for idea in meant if idea in listed),
        read_as={word: near for word, near in read_as.items() if near in everything},
    )  # fmt: skip


@lru_cache(maxsize=4_096)
def _phrase(key: str) -> tuple[str, ...]:
    return tuple(terms(key))


def _is_said(phrase: tuple[str, ...], said: Sequence[str]) -> bool:
    """Whether the words of a phrase stand side by side in what was said."""
    size = len(phrase)
    return size > 0 and any(tuple(said[start : start + size]) == phrase for start in range(len(said) - size + 1))


def _longest_run(said: Sequence[str], text: Sequence[str]) -> list[str]:
    """The longest run of words that both hold, when it is long enough to be no accident."""
    if len(said) < _SHORTEST_RUN or not text:
        return []
    found = difflib.SequenceMatcher(None, list(text[:4_000]), list(said), autojunk=False).find_longest_match()
    return list(said[found.b : found.b + found.size]) if found.size >= _SHORTEST_RUN else []


def _quoted(term: str) -> str:
    return '"' + term.replace('"', "") + '"'

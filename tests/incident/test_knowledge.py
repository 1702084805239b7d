"""Search beats structure: error text with typing errors, symptoms in other words, nicknames; each hit says why."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.errors import BadInput
from mcp_server.core.settings import load_settings
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.knowledge_index import Document, Index
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory

PAGES = (
    Document(
        source="playbook", name="database", title="Database slow or full", keys=("too many clients", "slow queries"),
        summary="This finds why a database refuses or is slow.", body="FATAL: sorry, too many clients already",
    ),
    Document(
        source="playbook", name="dns", title="Names do not resolve", keys=("name or service not known",),
        summary="This finds why a name has no address.", body="getaddrinfo failed. dig +short shop.example",
    ),
    Document(source="runbook", name="/runbooks/cart.md", title="Cart", body="cart-service needs redis and warm-up"),
)  # fmt: skip


@pytest.fixture
def index() -> Iterator[Index]:
    found = Index()
    for page in PAGES:
        found.update(page.source, [page])
    yield found
    found.close()


def test_an_error_text_finds_the_page_that_quotes_it_and_says_so(index: Index) -> None:
    first = index.search("psycopg2.OperationalError: FATAL:  sorry, too many clients already (pid 4711)")[0]
    assert first.name == "database"
    assert first.phrases == ("too many clients",)
    assert first.run == "fatal sorry many client already"


def test_typing_errors_are_read_as_what_was_meant(index: Index) -> None:
    first = index.search("too many clinets alredy")[0]
    assert first.name == "database"
    assert first.read_as == {"clinet": "client", "alredy": "already"}


def test_other_words_for_the_same(index: Index) -> None:
    first = index.search("ENOTFOUND for the api host")[0]
    assert (first.name, first.ideas) == ("dns", ("dns",))


def test_sources_limit_and_nothing(index: Index) -> None:
    assert [hit.source for hit in index.search("cart redis too many clients", sources=("runbook",))] == ["runbook"]
    assert len(index.search("too many clients names resolve cart", limit=2)) == 2
    assert index.search("zebra crossing") == []
    assert index.search("") == []


def test_what_changed_is_replaced_and_what_is_gone_is_gone(index: Index) -> None:
    index.update("runbook", [PAGES[2].model_copy(update={"body": "now about kafka", "state": "2"})])
    assert index.states("runbook") == {"/runbooks/cart.md": "2"}
    assert [hit.name for hit in index.search("kafka")] == ["/runbooks/cart.md"]
    assert index.search("warm-up redis") == []
    index.update("runbook", [], ["/runbooks/cart.md"])
    assert index.search("kafka") == []


def test_a_damaged_file_and_one_of_another_form_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    first = Index(path)
    first.update("playbook", PAGES[:1])
    first._db.execute("PRAGMA user_version=99")
    first.close()
    second = Index(path)
    assert second.states("playbook") == {}
    second.close()


@given(st.text(max_size=200))
def test_no_question_raises(text: str) -> None:
    found = Index()
    found.update("playbook", PAGES[:2])
    for hit in found.search(text):
        assert hit.words or hit.ideas
    found.close()


def test_ten_thousand_pages_are_searched_at_once() -> None:
    """Bounded work, not a stopwatch: at most the candidates are looked at in full. `make bench` has the milliseconds."""
    words = ["upstream", "refused", "timeout", "pool", "cache", "queue", "disk", "cpu", "memory", "certificate"]
    many = [
        Document(source="runbook", name=f"p{n}", title=f"page {words[n % 10]} {n % 97}", body=f"{words[n % 7]} w{n}")
        for n in range(10_000)
    ]
    found = Index()
    found.update("runbook", many)
    began = time.process_time()
    assert len(found.search("upstraem refused by the pool", limit=50)) == 50
    assert time.process_time() - began < 2, "a hundred times what it takes"
    found.close()


# --- the verb, over real sources ------------------------------------------------------------------------------------


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    root = tmp_path / "shop"
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / "x").write_text("1", encoding="utf8")
    subprocess.run([*git, "add", "."], check=True)
    message = "cart: retry the reservation\n\npassword=hunter2hunter2 was in the old file"
    subprocess.run([*git, "commit", "-qm", message], check=True)
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "reservation.md").write_text("# Reservations hang\n\nFlush the reservation queue `resq`.\n", encoding="utf8")
    config = tmp_path / "config.toml"
    config.write_text(
        f'[knowledge]\npaths = ["{pages}"]\n[services.shop]\nroot = "{root}"\nnicknames = ["the webshop"]\n', encoding="utf8"
    )
    monkeypatch.chdir(tmp_path)
    env = {
        "VETERAN_CONFIG": str(config),
        "VETERAN_STATE_DIR": str(tmp_path / "state"),
        "HOME": str(tmp_path),
        "PATH": "/usr/bin",
    }
    opened = Session(load_settings(env), program="test")
    yield opened
    opened.close()


def ask(session: Session, **arguments: object) -> str:
    return render(inventory(load_catalog())["search_knowledge"].call(session, arguments, Asking()))


def test_commits_pages_troubles_and_incidents_are_found_and_kept_up_to_date(session: Session, tmp_path: Path) -> None:
    told = ask(session, text="reservation hangs")
    assert "Reservations hang" in told
    assert "cart: retry the reservation" in told
    assert told.startswith("OK"), "everything could be read"
    assert "1 commits" in told
    assert "postgresql.too_many_connections" in ask(session, text="sorry, too many clients already", source="trouble")
    assert "resqueue" not in ask(session, text="resqueue")
    (tmp_path / "pages/reservation.md").write_text("# Reservations hang\n\nUse resqueue now.\n", encoding="utf8")
    assert "Reservations hang" in ask(session, text="resqueue")
    tools = inventory(load_catalog())
    tools["open_incident"].call(session, {"title": "reservations answer 500 after midnight"}, Asking())
    assert "reservations answer 500 after midnight" in ask(session, text="500 after midnight", source="incident")


def test_secrets_do_not_enter_the_index(session: Session, tmp_path: Path) -> None:
    ask(session, text="reservation")
    files = [path.read_bytes() for path in (tmp_path / "state").glob("knowledge.sqlite3*")]
    assert files
    assert not any(b"hunter2" in data for data in files)


def test_what_could_not_be_read_makes_it_unknown(session: Session, tmp_path: Path) -> None:
    (tmp_path / "shop/.git/HEAD").write_text("nonsense", encoding="utf8")
    (tmp_path / "pages/reservation.md").unlink()
    (tmp_path / "pages").rmdir()
    told = ask(session, text="reservation")
    assert told.startswith("UNKNOWN")
    assert "commits of" in told
    assert "correct knowledge.paths in the settings" in told


def test_bad_input_is_a_sentence(session: Session) -> None:
    with pytest.raises(BadInput, match="`source` is `books`"):
        ask(session, text="x y", source="books")

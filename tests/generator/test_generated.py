"""Generated incidents, of a fixed seed: what fails here fails again. `make bench` draws fresh ones and tells the shares.

`GENERATOR_SEED=… pytest tests/generator` repeats another seed's."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_server.core.settings import load_settings
from mcp_server.engine.ranking import rank_json
from mcp_server.engine.session import Session
from tests.generator.fleets import fleet
from tests.generator.incidents import make
from tests.generator.judged import Judged, judge
from tests.generator.packages import PROGRAMS
from tests.generator.releases import case
from tests.generator.services import KINDS, NEEDED, make_real
from tests.real_parts import need

SEED = os.environ.get("GENERATOR_SEED", "2026-11")
GUILTY, INNOCENT, RELEASES = 10, 4, 10
"""A sample; `make bench` measures the whole."""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(load_settings({"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}), program="test")
    yield made
    made.close()


@pytest.mark.real
def test_incident_folders(session: Session, tmp_path: Path) -> None:
    need("git", *PROGRAMS)
    guilty = [judge(session, make(tmp_path / f"g{index}", f"{SEED}-g{index}")) for index in range(GUILTY)]
    innocent = [judge(session, make(tmp_path / f"i{index}", f"{SEED}-i{index}", innocent=True)) for index in range(INNOCENT)]
    # a small sample may fall below the long-run share
    assert sum(item.place() == 1 for item in guilty) >= GUILTY - 3, _told(guilty)
    assert sum((item.place() or 99) <= 3 for item in guilty) >= GUILTY - 2, _told(guilty)
    assert sum(item.right() for item in innocent) >= INNOCENT - 2, _told(innocent)


SAYS = {
    "missing module": "ModuleNotFoundError: No module named 'recotools'",
    "wrong upstream port": "connect() failed (111: Connection refused)",
    "upstream hangs": "WORKER TIMEOUT",
    "port taken": "Connection in use",
    "configuration rejected": "[emerg]",
    "certificate expired": "certificate has expired",
}
"""What the programs themselves write when this happens."""


@pytest.mark.real
@pytest.mark.parametrize("kind", list(KINDS))
def test_services_that_really_break(kind: str, session: Session, tmp_path: Path) -> None:
    need(*NEEDED)
    folder = make_real(tmp_path / "host", SEED, kind)
    assert any(SAYS[kind] in (folder.world.root / path.lstrip("/")).read_text() for path in folder.logs)
    found = judge(session, folder)
    assert found.right(), found.told()
    assert folder.guilty is None or found.place() == 1, found.told()


def _told(judged: list[Judged]) -> str:
    return "\n".join(item.told() for item in judged if not item.right() or item.place() != 1)


def test_concurrent_releases() -> None:
    cases = [case(random.Random(f"{SEED}-{index}")) for index in range(RELEASES)]
    answers = [rank_json(item.data) for item in cases]
    wrong = [
        (item.guilty, answer["changes"][0]["id"], item.about)  # type: ignore[index]
        for item, answer in zip(cases, answers, strict=True)
        if item.guilty and answer["changes"][0]["id"] != item.guilty  # type: ignore[index]
    ]
    assert len(wrong) <= 3, wrong
    accused = [item.about for item, answer in zip(cases, answers, strict=True) if not item.guilty and answer["named"]]
    assert len(accused) <= 2, accused


def test_fleets() -> None:
    """The second generator, by another hand's rules: users, capacities, queues, counted errors."""
    cases = [fleet(f"{SEED}-{index}") for index in range(16)]
    answers = [rank_json(item.data) for item in cases]
    wrong = [
        (item.guilty, answer["changes"][0]["id"], item.about)  # type: ignore[index]
        for item, answer in zip(cases, answers, strict=True)
        if item.guilty and answer["changes"][0]["id"] != item.guilty  # type: ignore[index]
    ]
    assert len(wrong) <= 3, wrong
    accused = [item.about for item, answer in zip(cases, answers, strict=True) if not item.guilty and answer["named"]]
    assert len(accused) <= 3, accused


def test_the_ranker_does_not_know_the_generator() -> None:
    """No import either way of numbers: the generator reads no weight, the product reads no test."""
    here = Path(__file__).parent
    generating = [path for path in here.glob("*.py") if path.name not in ("judged.py", Path(__file__).name)]
    assert len(generating) >= 10
    assert not [path.name for path in generating if "engine.ranking" in path.read_text()]
    product = here.parents[1] / "mcp_server"
    assert not [path for path in product.rglob("*.py") if "tests.generator" in path.read_text()]

"""Places are opened by kind, nothing of the others is imported, and a question at the wrong kind is a sentence."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcp_server.core.errors import BadInput
from mcp_server.core.settings import ReadSettings, load_settings
from mcp_server.engine.places import can_ask, resolve
from mcp_server.engine.run import Question, ask
from mcp_server.engine.session import Asking, Session
from mcp_server.targets.recorded import recording_of

ANYWHERE = ReadSettings()


def recorded(folder: Path, place: str) -> str:
    (folder / "recording.json").write_bytes(recording_of(place, datetime(2026, 11, 20, tzinfo=UTC), ()))
    return f"recorded:{folder}/recording.json"


def test_a_recording_is_of_the_kind_it_recorded(tmp_path: Path) -> None:
    place = resolve(recorded(tmp_path, "docker://staging/shop"), ANYWHERE)
    assert (place.where.kind, place.where.parts) == ("docker", ("staging", "shop"))
    assert can_ask(("local", "docker"), place) and not can_ask(("local",), place)


@pytest.mark.parametrize("place", ["nowhere", "recorded:/x", "docker://a/b/c"])
def test_a_recording_of_nothing_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(BadInput, match="which is no place"):
        resolve(recorded(tmp_path, place), ANYWHERE)


def test_a_question_for_another_kind_of_place_is_refused_with_those_that_can_be_asked(tmp_path: Path) -> None:
    session = Session(load_settings({"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(tmp_path / "state")}), program="test")
    try:
        with pytest.raises(BadInput, match=r"disk_space is for local places.*There you can ask:"):
            ask(session, Question.of(session, "disk_space", {}), recorded(tmp_path, "docker://default/shop"), Asking())
    finally:
        session.close()


def test_nothing_of_the_places_is_imported_before_one_is_named() -> None:
    code = (
        "import sys, mcp_server.engine.run\n"
        "heavy = {'docker', 'kubernetes', 'requests', 'urllib3', 'yaml'}\n"
        "found = heavy & set(sys.modules) | {n for n in sys.modules if n.startswith('mcp_server.targets.docker')}\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

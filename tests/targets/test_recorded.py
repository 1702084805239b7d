"""A recording answers as the place did, failures included; what it does not hold is a blind spot."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import Command, Completed, FileText, History, ReadFile, ReadHistory, StatFile
from mcp_server.core.clock import to_utc
from mcp_server.core.errors import BadInput, Cancelled, CouldNotLook
from mcp_server.core.noun import Noun
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.places import Place, resolve
from mcp_server.targets import files
from mcp_server.targets.recorded import Recorded, RecordedLook, recording_of

ANYWHERE = ReadSettings()
AT = datetime(2026, 11, 20, 10, 31, 7, 412_000, tzinfo=UTC)
DF = Command(argv=("df", "-P"))


def answered(call: Any, answer: Noun) -> RecordedLook:
    return RecordedLook(call=call.model_dump(mode="json"), answer=answer.model_dump(mode="json"))


def place(folder: Path, *looks: RecordedLook) -> Place:
    (folder / "recording.json").write_bytes(recording_of("local", AT, looks))
    return resolve(f"recorded:{folder}/recording.json", ANYWHERE)


def test_a_real_look_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes("grüße \u001b[31m\u2028 \ufffd\n".encode())
    call = ReadFile(path=str(tmp_path / "app.log"), start=-100)
    answer = files.look(call, Limits(), ANYWHERE)
    recorded = place(tmp_path, answered(call, answer))
    (tmp_path / "app.log").unlink()
    again = recorded.look(call, Limits())
    assert isinstance(again, FileText)
    assert again == answer
    assert recorded.now() == to_utc(AT)
    assert recorded.address == f"recorded:{tmp_path}/recording.json"


def test_a_history_until_now_is_the_same_whenever_now_was(tmp_path: Path) -> None:
    asked = ReadHistory(path="/srv", since=AT - timedelta(days=1), until=AT + timedelta(seconds=3))
    recorded = place(tmp_path, answered(asked, History(top="/srv", head="1" * 40)))
    again = asked.model_copy(update={"until": AT + timedelta(minutes=5)})
    assert recorded.look(again, Limits()).head == "1" * 40
    earlier = asked.model_copy(update={"until": AT - timedelta(hours=1)})
    with pytest.raises(CouldNotLook, match="no such look"):
        recorded.look(earlier, Limits())


def test_defaults_need_not_be_written_out(tmp_path: Path) -> None:
    look = RecordedLook(call={"kind": "file", "path": "/a"}, failure={"reason": "denied"})
    with pytest.raises(CouldNotLook, match="denied"):
        place(tmp_path, look).look(ReadFile(path="/a"), Limits())


def test_a_failure_comes_back_with_its_reason_and_remedy(tmp_path: Path) -> None:
    failure = {"what": "df -P", "reason": "denied", "detail": "mode 0600", "remedy": "add the account to group adm"}
    recorded = place(tmp_path, RecordedLook(call=DF.model_dump(mode="json"), failure=failure))
    with pytest.raises(CouldNotLook) as caught:
        recorded.look(DF, Limits())
    assert (caught.value.reason, caught.value.detail, caught.value.remedy) == ("denied", failure["detail"], failure["remedy"])


def test_asked_again_the_later_answer_comes_and_the_last_stays(tmp_path: Path) -> None:
    failed = RecordedLook(call=DF.model_dump(mode="json"), failure={"reason": "timed_out"})
    recorded = place(
        tmp_path, answered(DF, Completed(exit=0, out="first")), failed, answered(DF, Completed(exit=0, out="last"))
    )
    assert recorded.look(DF, Limits()).out == "first"
    with pytest.raises(CouldNotLook) as caught:
        recorded.look(DF, Limits())
    assert caught.value.retry
    assert [recorded.look(DF, Limits()).out for _ in range(2)] == ["last", "last"]


def test_a_look_never_made_is_a_blind_spot(tmp_path: Path) -> None:
    recorded = place(tmp_path, answered(DF, Completed(exit=0)))
    for call in (Command(argv=("df",)), StatFile(path="/a")):
        with pytest.raises(CouldNotLook) as caught:
            recorded.look(call, Limits())
        assert caught.value.reason == "failed", "`missing` would say something about the host"
        assert "holds no such look" in caught.value.message


def test_cancelled_means_cancelled(tmp_path: Path) -> None:
    limits = Limits()
    limits.cancel.set()
    with pytest.raises(Cancelled):
        place(tmp_path, answered(DF, Completed(exit=0))).look(DF, limits)


LOOK = {"call": {"kind": "command", "argv": ["df", "-P"]}, "answer": {"exit": 0}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("\x89PNG\0", "no JSON"),
        ("[]", "no recording"),
        ('{"place": "local", "at": "2026-11-20T10:00:00Z"}', "`looks`"),
        ({"looks": [], "at": "yesterday"}, "`at`"),
        ({"looks": [], "at": "2026-11-20T10:00:00"}, "`at`"),
        ({"looks": [], "extra": 1}, "`extra`"),
        ({"looks": [LOOK | {"call": {"kind": "telepathy"}}]}, "`looks.0.call`"),
        ({"looks": [LOOK, LOOK | {"answer": {"exit": "often"}}]}, "`looks.1.answer.exit`"),
        ({"looks": [LOOK | {"answer": {"exit": 0, "mood": "good"}}]}, "`looks.0.answer.mood`"),
        ({"looks": [{"call": LOOK["call"]}]}, "`looks.0`"),
        ({"looks": [LOOK | {"failure": {"reason": "denied"}}]}, "`looks.0`"),
        ({"looks": [{"call": LOOK["call"], "failure": {"reason": "tired"}}]}, "`looks.0.failure.reason`"),
        ({"looks": [{"call": LOOK["call"], "failure": {"reason": "denied", "mood": "x"}}]}, "`looks.0.failure.mood`"),
    ],
)
def test_a_damaged_recording_gets_a_sentence_when_it_is_opened(tmp_path: Path, content: Any, words: str) -> None:
    if isinstance(content, dict):
        content = json.dumps({"place": "local", "at": "2026-11-20T10:00:00Z"} | content)
    path = tmp_path / "recording.json"
    path.write_text(content, encoding="utf8")
    with pytest.raises(BadInput) as caught:
        Recorded(str(path), ANYWHERE)
    assert words in caught.value.message
    assert "`target`" in caught.value.message
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_a_recording_that_cannot_be_opened_gets_a_sentence(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.json", "no such file"), (Path("here.json"), "relative"), (tmp_path, "is a folder")):
        with pytest.raises(BadInput, match=words):
            Recorded(str(path), ANYWHERE)
    with pytest.raises(BadInput, match="outside"):
        Recorded(str(tmp_path / "none.json"), ReadSettings(roots=("/srv",)))


def test_a_giant_recording_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "recording.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadInput, match="larger than"):
        Recorded(str(tmp_path / "recording.json"), ANYWHERE)

"""Where errors become `unknown`: every way in which a look can go wrong, and that none of them ends as `ok`."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.address import LOCAL
from mcp_server.core.calls import Call, Command, Completed, FileText, Found, HostFacts, ReadFile, Which
from mcp_server.core.clock import now
from mcp_server.core.declare import Diagnostic, DiagnosticUnit, Facts, binary
from mcp_server.core.errors import BadInput, Cancelled, CouldNotLook, NotApplicable
from mcp_server.core.outcome import Finding, FindingType, Outcome
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Limits, Reader
from mcp_server.core.settings import Settings, load_settings
from mcp_server.engine import run as run_module
from mcp_server.engine.run import Question, ask, ask_all
from mcp_server.engine.session import Asking, Session


class Params(Parameters):
    """None."""


class Seen(Facts):
    """What the test diagnostic saw."""

    text: str = ""
    evidence: str = ""


BAD = FindingType(code="bad_word", text="the text says {word}", meaning="m", advice="a")


class Place:
    """A place under the test's control."""

    address = "local"
    where = LOCAL

    def __init__(self, answer: Callable[[Call[Any], Limits], Any]) -> None:
        self.answer = answer
        self.calls: list[Call[Any]] = []

    def now(self) -> Any:
        return now()

    def look(self, call: Call[Any], limits: Limits) -> Any:
        self.calls.append(call)
        return self.answer(call, limits)


def collect(reader: Reader, params: Params) -> Seen:
    seen = reader.run(("cat", "/x"))
    return Seen(text=seen.value.out, evidence=seen.evidence)


def judge(facts: Seen, params: Params) -> Iterator[Finding]:
    if "bad" in facts.text:
        yield BAD.found(facts.evidence, word="bad")


def unit(**changes: Any) -> DiagnosticUnit:
    values: dict[str, Any] = {
        "name": "probe",
        "params": Params,
        "collect": collect,
        "judge": judge,
        "show": lambda f, p: iter(()),
    }
    spec = {"question": "?", "area": "test", "facts": Seen, "commands": ("cat",), **changes.pop("spec", {})}
    return DiagnosticUnit(spec=Diagnostic(**spec), **(values | changes))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(tmp_path / "state"), "VETERAN_LIMITS_LOOK_S": "2"})


@pytest.fixture
def session(settings: Settings) -> Iterator[Session]:
    session = Session(settings, program="test")
    yield session
    session.close()


def outcome(
    session: Session, monkeypatch: pytest.MonkeyPatch, answer: Callable[[Call[Any], Limits], Any], **changes: Any
) -> Outcome:
    monkeypatch.setattr(run_module, "resolve", lambda address, *more: Place(answer))
    return ask(session, Question(unit(**changes), Params()), "local", Asking())


def says(text: str) -> Callable[[Call[Any], Limits], Completed]:
    return lambda call, limits: Completed(exit=0, out=text)


def fails(error: BaseException) -> Callable[[Call[Any], Limits], Any]:
    def answer(call: Call[Any], limits: Limits) -> Any:
        raise error

    return answer


def test_ok_is_earned_by_a_look_without_findings(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    result = outcome(session, monkeypatch, says("fine"), spec={"next": ("disk_space",)})
    assert (result.verdict, result.coverage.looked) == ("ok", ("cat /x",))
    assert result.id
    assert not result.next, "health suggests nothing"
    result = outcome(session, monkeypatch, says("bad"), spec={"next": ("disk_space",)})
    assert [item.tool for item in result.next] == ["disk_space"]


def test_a_finding_cites_evidence_that_exists(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    result = outcome(session, monkeypatch, says("bad"))
    assert (result.verdict, result.findings[0].code) == ("finding", "probe.bad_word")
    entry = session.ledger.entry(int(result.findings[0].evidence[0][1:]))
    assert entry.body["call"]["argv"] == ["cat", "/x"]
    assert b'"out": "bad"' in session.ledger.blob(entry.body["sha256"])


@pytest.mark.parametrize("reason", ["missing", "denied", "refused", "timed_out", "unreachable", "cut", "damaged", "failed"])
def test_every_failed_look_is_unknown(session: Session, monkeypatch: pytest.MonkeyPatch, reason: Any) -> None:
    result = outcome(session, monkeypatch, fails(CouldNotLook("cat /x", reason, "detail", "remedy")))
    assert result.verdict == "unknown"
    spot = (*result.coverage.blind, *result.coverage.cut)[0]
    assert "detail" in spot.reason
    assert spot.remedy == "remedy"
    assert result.evidence, "a failed look leaves evidence too"


def test_a_defect_in_a_target_or_a_diagnostic_is_unknown(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("oops")

    assert outcome(session, monkeypatch, fails(ZeroDivisionError("oops"))).verdict == "unknown"
    assert outcome(session, monkeypatch, says("fine"), collect=broken).verdict == "unknown"
    assert outcome(session, monkeypatch, says("fine"), judge=broken).verdict == "unknown"
    assert outcome(session, monkeypatch, says("fine"), show=broken).verdict == "unknown"


def test_a_diagnostic_that_looks_at_nothing_is_unknown(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(session, monkeypatch, says(""), collect=lambda reader, params: Seen()).verdict == "unknown"


def test_a_part_may_fail_alone(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(reader: Reader, params: Params) -> Seen:
        with reader.part("the second half"):
            reader.look(ReadFile(path="/y"))
        return collect(reader, params)

    def answer(call: Call[Any], limits: Limits) -> Any:
        if isinstance(call, ReadFile):
            raise CouldNotLook("/y", "denied", "mode 0600")
        return Completed(exit=0, out="fine")

    result = outcome(session, monkeypatch, answer, collect=parts)
    assert result.verdict == "unknown"
    assert result.coverage.blind[0].what == "the second half"
    assert result.coverage.looked == ("cat /x",)


def test_findings_outweigh_blind_spots_but_do_not_hide_them(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(reader: Reader, params: Params) -> Seen:
        reader.blind("half", "denied")
        return collect(reader, params)

    result = outcome(session, monkeypatch, says("bad"), collect=parts)
    assert (result.verdict, len(result.coverage.blind)) == ("finding", 1)


def test_not_applicable_is_said_with_its_reason(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    result = outcome(session, monkeypatch, fails(NotApplicable("no nginx here")))
    assert result.verdict == "not_applicable"
    assert result.statements[0].values == {"reason": "no nginx here"}


def test_a_program_that_was_not_declared_is_not_run(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(says("fine"))
    monkeypatch.setattr(run_module, "resolve", lambda address, *more: place)
    result = ask(session, Question(unit(spec={"commands": ("df",)}), Params()), "local", Asking())
    assert (result.verdict, place.calls) == ("unknown", [])
    assert "does not declare the program cat" in result.coverage.blind[0].reason


def test_a_missing_need_is_unknown_with_its_remedy(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(call: Call[Any], limits: Limits) -> Any:
        return Found(path=None) if isinstance(call, Which) else Completed(exit=0, out="fine")

    result = outcome(session, monkeypatch, answer, spec={"needs": (binary("df", "install coreutils"),)})
    assert result.verdict == "unknown"
    assert result.coverage.blind[0].remedy == "install coreutils"


def test_secrets_are_gone_before_the_diagnostic_sees_them(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def watching(reader: Reader, params: Params) -> Seen:
        facts = collect(reader, params)
        seen.append(facts.text)
        return facts

    result = outcome(session, monkeypatch, says("bad DATABASE_URL=postgres://u:hunter2secret@db/x"), collect=watching)
    assert "hunter2secret" not in seen[0]
    assert "hunter2secret" not in result.model_dump_json()
    for entry in session.ledger.entries():
        assert "hunter2secret" not in str(entry.body)
        if "sha256" in entry.body:
            assert b"hunter2secret" not in session.ledger.blob(entry.body["sha256"])


def test_text_is_withheld_when_redaction_fails(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(value: Any) -> Any:
        if isinstance(value, dict) and "exit" in value:
            raise RuntimeError("no")
        return value

    monkeypatch.setattr(session.redactor, "data", explode)
    result = outcome(session, monkeypatch, says("bad hunter2secret"))
    assert result.verdict == "unknown"
    assert "withheld" in result.coverage.blind[0].reason
    assert "hunter2secret" not in result.model_dump_json()


def test_the_deadline_ends_a_question(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def answer(call: Call[Any], limits: Limits) -> Any:
        given.append(limits.timeout_s)
        return Completed(exit=0, out="fine")

    def endless(reader: Reader, params: Params) -> Seen:
        while True:
            collect(reader, params)

    result = outcome(session, monkeypatch, answer, collect=endless, spec={"timeout_s": 0.2})
    assert result.verdict == "unknown"
    assert "timed_out" in result.coverage.blind[0].reason
    assert max(given) <= 0.2


def test_several_questions_run_at_once_and_keep_their_order(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=20)

    def answer(call: Call[Any], limits: Limits) -> Any:
        both.wait()
        return Completed(exit=0, out="fine")

    monkeypatch.setattr(run_module, "resolve", lambda address, *more: Place(answer))
    progress: list[float] = []
    asking = Asking(progress=lambda done, total, what: progress.append(done))
    results = ask_all(session, [Question(unit(name="a"), Params()), Question(unit(name="b"), Params())], "local", asking)
    assert [item.name for item in results] == ["a", "b"]
    assert progress == [1, 2]


def test_cancelling_stops_the_looks_and_is_no_answer(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = threading.Event()

    def answer(call: Call[Any], limits: Limits) -> Any:
        looking.set()
        assert limits.cancel.wait(20)
        raise Cancelled("as told")

    monkeypatch.setattr(run_module, "resolve", lambda address, *more: Place(answer))
    asking = Asking()
    threading.Thread(target=lambda: (looking.wait(20), asking.cancel.set())).start()
    with pytest.raises(Cancelled):
        ask(session, Question(unit(), Params()), "local", asking)


def test_an_unknown_name_or_target_is_a_sentence(session: Session) -> None:
    with pytest.raises(BadInput, match="should be one of: "):
        Question.of(session, "no_such_thing", {})
    with pytest.raises(BadInput, match="`target` is `mars`; it should be local, recorded:FILE, "):
        ask(session, Question(unit(), Params()), "mars", Asking())


def test_a_typed_answer_keeps_its_type(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert FileText.model_fields["text"]
    assert HostFacts.model_fields["load"]
    assert Command(argv=("a", "b")).title() == "a b"

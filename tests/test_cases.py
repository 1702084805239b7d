"""Every diagnostic, judged on recorded facts and asked of recorded places: cases are data."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mcp_server.core.call_types import ANSWER_TYPES, AnyCall
from mcp_server.core.outcome import BlindSpot, Coverage, verdict_of
from mcp_server.core.settings import load_settings
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.run import Question, ask
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.render import render

FOLDER = Path(__file__).parent / "cases"
CASES = sorted(FOLDER.glob("*/*.json"))
CATALOG = load_catalog()


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf8"))
    assert case["why"], "a case says why it exists"
    unit, expect = CATALOG.diagnostics[path.parent.name], case["expect"]
    if "facts" in case:
        params = unit.params.parse(case.get("params", {}))
        facts = unit.spec.facts.model_validate(case["facts"])
        findings = tuple(unit.judge(facts, params))
        blind = tuple(BlindSpot(what=item, reason="as the case says") for item in case.get("blind", []))
        assert verdict_of(findings, Coverage(looked=("facts",), blind=blind)) == expect["verdict"]
        assert sorted(finding.code for finding in findings) == sorted(expect["codes"])
        list(unit.show(facts, params))
        for finding in findings:
            for key, value in expect.get("values", {}).get(finding.code, {}).items():
                assert finding.values[key] == value
            for clue in expect.get("clues", {}).get(finding.code, []):
                assert clue in finding.clues
        return
    outcome = recorded_answer(unit.name, case, tmp_path)
    assert outcome.verdict == expect["verdict"], render(outcome)
    assert sorted(item.code for item in outcome.findings) == sorted(f"{unit.name}.{code}" for code in expect["codes"])
    for item in outcome.findings:
        assert item.doubt_ms == expect.get("doubt_ms", {}).get(item.code.partition(".")[2], item.doubt_ms)
    for words in expect.get("blind", []):
        assert any(
            words in f"{spot.what} {spot.reason} {spot.remedy}" for spot in (*outcome.coverage.blind, *outcome.coverage.cut)
        )


def recorded_answer(name: str, case: dict[str, Any], folder: Path) -> Any:
    looks = []
    for look in case["looks"]:
        call = TypeAdapter(AnyCall).validate_python(look["call"])
        item = {"call": call.model_dump(mode="json")}
        if "answer" in look:
            item["answer"] = ANSWER_TYPES[call.kind].model_validate(look["answer"]).model_dump(mode="json")
        else:
            item["failure"] = look["failure"]
        looks.append(item)
    recording = folder / "recording.json"
    recording.write_text(json.dumps({"place": case.get("place", "local"), "at": case["at"], "looks": looks}), encoding="utf8")
    session = Session(load_settings({"VETERAN_STATE_DIR": str(folder / "state"), "HOME": str(folder)}), program="test")
    try:
        return ask(session, Question.of(session, name, case.get("params", {})), f"recorded:{recording}", Asking())
    finally:
        session.close()


@pytest.mark.parametrize("name", sorted(CATALOG.diagnostics))
def test_every_diagnostic_has_a_case_for_ok_finding_and_unknown(name: str) -> None:
    verdicts = {json.loads(path.read_text(encoding="utf8"))["expect"]["verdict"] for path in CASES if path.parent.name == name}
    makes_findings = {"finding"} if CATALOG.diagnostics[name].findings else set()  # a question such as log_tail judges nothing
    assert {"ok", "unknown"} | makes_findings <= verdicts

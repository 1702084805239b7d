"""The law of the table: twenty rows, everything they name exists, every row has its check, and the answer is honest."""

import re
from pathlib import Path

import pytest

from mcp_server.core.errors import Broken
from mcp_server.core.outcome import Outcome
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.lock import LockReport
from mcp_server.engine.session import Asking, Session
from mcp_server.incident import rules as table
from mcp_server.incident import rules_state
from mcp_server.incident.rules import Rule, rules
from mcp_server.surface.by_hand import BY_HAND
from mcp_server.surface.docs_rules import PAGE, rules_page
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from tests.incident.story import session_in
from tests.rules.checks import RULES

ROOT = Path(__file__).parents[2]
TOOLS = inventory(load_catalog())
ROWS = rules()


def asked(session: Session, **arguments: int) -> Outcome:
    return TOOLS["check_rules"].call(session, arguments, Asking())


def test_twenty_rows_each_with_its_own_name_and_check() -> None:
    assert [rule.number for rule in ROWS] == list(range(1, 21)) == sorted(RULES)
    assert len({rule.name for rule in ROWS}) == 20
    assert [rule.tests[0] for rule in ROWS] == [f"tests/rules/test_twenty.py::test_rule[{n}]" for n in range(1, 21)]


@pytest.mark.parametrize("rule", ROWS, ids=lambda rule: rule.name)
def test_what_a_row_names_exists(rule: Rule) -> None:
    assert set(rule.tools) <= set(TOOLS)
    for module in rule.modules:
        assert (ROOT / module).is_file(), module
    for node in rule.tests:
        path, _, test = node.partition("::")
        name = re.escape(test.partition("[")[0])
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf8"), re.MULTILINE), node
    command, *words = rule.see.split(" ")
    assert (ROOT / command).is_file(), command
    script = Path(command).stem
    assert script in TOOLS or script in BY_HAND or command == "./deploy.sh"
    assert (
        words
        or script in BY_HAND
        or not [field for cls in TOOLS[script].fields for field in cls.model_fields.values() if field.is_required()]
    ), "the command can be copied as it stands"


def test_no_rule_of_the_prompt_without_a_row() -> None:
    prompt = (ROOT / ".claude/agents/devops-troubleshooter-veteran.md").read_text(encoding="utf8")
    assert {int(number) for number in re.findall(r"^(\d{1,2})\. \*\*", prompt, re.MULTILINE)} <= {rule.number for rule in ROWS}


def test_the_page_holds_every_row_and_is_the_committed_one() -> None:
    page = rules_page()
    assert (ROOT / PAGE).read_text(encoding="utf8") == page
    for rule in ROWS:
        anchor = f"{rule.number}-{rule.title.lower().replace(' ', '-').replace(',', '')}"
        assert f"(#{anchor})" in page
        assert f"## {rule.number}. {rule.title}" in page


@pytest.mark.parametrize(
    ("damage", "says"), [(lambda text: text.replace("- number: 7\n", "- number: 8\n"), "1 to 20"), (lambda _: "[", "cannot be")]
)
def test_a_damaged_table_is_named(damage: object, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(damage)
    broken = tmp_path / "rules.yaml"
    broken.write_text(damage(table.FILE.read_text(encoding="utf8")), encoding="utf8")
    monkeypatch.setattr(table, "FILE", broken)
    with pytest.raises(Broken, match=says):
        table.rules.__wrapped__()


# --- how far they hold here -----------------------------------------------------------------------------------------

FULL = """
[knowledge]
paths = ["{folder}/runbooks"]
[changes]
feeds = ["{folder}/deploys.jsonl"]
[monitoring]
prometheus = "http://127.0.0.1:9"
[approvals]
allowed_signers = "{folder}/signers"
[environments.test]
kind = "process"
protection = "staging"
tell = ["#ops"]
[services.shop]
root = "{folder}"
depends_on = ["port:1"]
"""


def states(outcome: Outcome) -> dict[int, str]:
    return {item["rule"]["number"]: item["state"] for item in outcome.data["rules"]}


def test_an_installation_with_nothing_declared_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with session_in(tmp_path) as session:
        outcome = asked(session)
    told, text = states(outcome), render(outcome)
    assert outcome.verdict == "finding"
    assert told[17] == "off"
    assert {number for number, state in told.items() if state == "in part"} >= {1, 2, 3, 4, 13, 19, 20}
    for words in (
        "the kernel does not enforce", "no environment is declared", "allowed_signers is not set", "no rules of the",
        "no monitoring is declared", "team's own runbooks", "no feed tells", "no snapshot was taken",
    ):  # fmt: skip
        assert words in text, words


def test_what_is_declared_is_no_gap_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "CHANGELOG.md").write_text("## 2026-11-20\nImpact: none\n", encoding="utf8")
    (tmp_path / "CLAUDE.md").write_text("Never deploy on Fridays.\n", encoding="utf8")
    (tmp_path / "signers").write_text("", encoding="utf8")
    monkeypatch.chdir(tmp_path)
    with session_in(tmp_path, FULL.format(folder=tmp_path)) as session:
        told = states(asked(session))
        assert {told[number] for number in (1, 3, 4, 5, 7, 8, 11, 12, 14, 15, 16, 18, 20)} == {"holds"}
        (tmp_path / "CLAUDE.md").write_text("Never deploy on Fridays.\nDeploying on Fridays is allowed.\n", encoding="utf8")
        assert "contradictions among the rules stand" in render(asked(session, rule=17))


def test_the_kill_switch_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    with session_in(tmp_path, f'[gate]\nwrites = false\n[knowledge]\npaths = ["{tmp_path}/gone"]\n') as session:
        assert "the kill switch is on" in render(asked(session, rule=2))
        assert f"{tmp_path}/gone` is missing" in render(asked(session, rule=4))


def test_a_mechanism_that_does_not_work_is_off_and_one_not_looked_at_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def broken(session: Session) -> None:
        raise Broken("forms/escalation.md: its matrix cannot be read")

    monkeypatch.setattr(rules_state, "matrix", broken)
    monkeypatch.setattr(rules_state, "VERIFIED_AT_ONCE", 0)
    with session_in(tmp_path) as session:
        off, dark = asked(session, rule=14), asked(session, rule=7)
    assert (states(off)[14], off.findings[0].code) == ("off", "check_rules.off")
    assert "its matrix cannot be read" in render(off)
    assert (dark.verdict, dark.findings, states(dark)[7]) == ("unknown", (), "unknown")


def test_a_part_that_is_missing_turns_the_rule_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = tuple(rule.model_copy(update={"modules": ("mcp_server/engine/gone.py",)}) for rule in ROWS)
    monkeypatch.setattr(rules_state, "rules", lambda: lost)
    with session_in(tmp_path) as session:
        assert set(states(asked(session)).values()) == {"off"}


def test_what_the_kernel_leaves_open_is_a_part_of_rule_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_state, "lock_report", lambda: LockReport(True, "as a test says", open="seccomp is missing"))
    with session_in(tmp_path) as session:
        outcome = asked(session, rule=2)
    assert "seccomp is missing" in render(outcome)
    assert states(outcome)[2] == "in part"

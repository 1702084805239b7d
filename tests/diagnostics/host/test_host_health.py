"""This very host, with thresholds that it is sure to meet or to miss."""

from pathlib import Path

from tests.diagnostics.asking import asking, codes

CALM = {
    "cpu_percent": 100,
    "load_per_cpu": 100,
    "memory_percent": 1,
    "swap_percent": 100,
    "some_percent": 100,
    "full_percent": 100,
}


def test_the_numbers_are_always_told(tmp_path: Path) -> None:
    with asking(tmp_path) as ask:
        outcome = ask("host_health", **CALM)
    assert outcome.verdict == "ok"
    assert outcome.statements[0].values["cpus"]
    assert len(outcome.evidence) == 1  # consumers are looked for only when something is short


def test_consumers_are_named_when_memory_is_short(tmp_path: Path) -> None:
    with asking(tmp_path) as ask:
        outcome = ask("host_health", **(CALM | {"memory_percent": 99}))
    assert codes(outcome) == ["memory_low"]
    assert any(clue.startswith("pid:") for clue in outcome.findings[0].clues)
    assert len(outcome.evidence) == 2
    assert any("of one processor" in statement.text for statement in outcome.statements)

"""What is cut from a long answer, and what never is."""

from mcp_server.core.clock import now
from mcp_server.core.outcome import BlindSpot, Coverage, Outcome, Statement
from mcp_server.surface.answers import bounded


def outcome(spots: int, statements: int = 200) -> Outcome:
    blind = tuple(BlindSpot(what=f"place {i}", reason="denied: permission denied", remedy="run as root") for i in range(spots))
    return Outcome(
        name="what_changed", target="local", verdict="unknown", at=now(), id="R7",
        statements=tuple(Statement(text="{n} changed", values={"n": f"/etc/file{i}"}) for i in range(statements)),
        coverage=Coverage(looked=("x",), blind=blind),
    )  # fmt: skip


def test_what_could_not_be_looked_at_is_never_cut_away() -> None:
    text = bounded(outcome(1), 1_500)
    assert len(text) <= 1_500
    assert "not looked at: place 0 (denied: permission denied; remedy: run as root)" in text.splitlines()[-2]
    assert "read_evidence id=R7" in text.splitlines()[-1]


def test_many_blind_spots_are_named_in_short() -> None:
    text = bounded(outcome(30), 1_500)
    assert len(text) <= 1_500
    line = text.splitlines()[-2]
    assert line.startswith("not looked at: place 0, place 1, place 2")
    assert len(line) <= 1_500 // 4


def test_a_short_answer_says_it_once_and_no_blind_spot_adds_nothing() -> None:
    assert bounded(outcome(1, 2), 1_500).count("not looked at") == 1
    assert "not looked at" not in bounded(outcome(0), 1_500)


def test_the_rest_begins_where_the_answer_was_cut() -> None:
    answer = outcome(1)
    whole, part = bounded(answer, 100_000), bounded(answer, 1_500)
    start = int(part.rpartition("start=")[2])
    assert part.startswith(whole[:start])
    assert "file199" in whole[start:]

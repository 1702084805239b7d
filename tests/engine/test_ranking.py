"""The ranker over plain data: what raises a change, what lowers it, and when nobody is named."""

from datetime import timedelta
from typing import Any

import pytest

from mcp_server.core.change import Change
from mcp_server.core.clock import parse_moment
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Statement
from mcp_server.engine.ranking import NAMED, rank, rank_json, reasons
from mcp_server.engine.ranking_data import Candidate, Edge, Past, Ranking, Symptom

ONSET = parse_moment("2026-11-20T10:00:00Z")


def change(name: str, before: float, **more: Any) -> Candidate:
    return Candidate(id=name, at=ONSET - timedelta(seconds=before), **({"component": name, "kind": "commit"} | more))


def part(ranking: Ranking, name: str, kind: str) -> float:
    return sum(item.points for ranked in ranking.changes if ranked.id == name for item in ranked.parts if item.name == kind)


def first(ranking: Ranking) -> str:
    return ranking.changes[0].id


MISSING = Symptom(text="ModuleNotFoundError: No module named 'stripe'", clues=("module:stripe",))


def test_a_shared_module_outweighs_nearness_and_the_reasons_are_told() -> None:
    ranking = rank([change("near", 5), change("far", 7_200, clues=("module:stripe",))], ONSET, symptoms=[MISSING])
    assert (first(ranking), ranking.named) == ("far", "far")
    told, values = reasons(ranking.changes[0])
    assert "shares module" in told
    assert "stripe" in values.values()
    assert "2 h before the onset" in told.format_map(values)


def test_time_and_kind_alone_name_nobody() -> None:
    ranking = rank([change("a", 2, classes=("code",)), change("b", 900)], ONSET, symptoms=[Symptom(text="it is slow")])
    assert first(ranking) == "a"
    assert ranking.named is None
    assert ranking.conclusion.text.startswith("no observed change explains this")
    assert any("no observations" in item for item in ranking.unseen)


def test_no_changes_at_all_is_an_answer_and_says_what_was_not_seen() -> None:
    ranking = rank([], ONSET, unseen=["the registry"])
    assert ranking.named is None
    assert "the registry" in ranking.unseen


def test_after_the_onset_is_excluded_unless_the_clocks_are_in_doubt() -> None:
    clue = {"clues": ("module:stripe",)}
    late, doubtful = change("late", -60, **clue), change("doubtful", -60, doubt_ms=90_000, **clue)
    assert rank([late], ONSET, symptoms=[MISSING]).named is None
    assert rank([late], ONSET, symptoms=[MISSING]).changes[0].excluded == "after"
    assert rank([doubtful], ONSET, symptoms=[MISSING]).named == "doubtful"
    assert rank([late], ONSET, symptoms=[MISSING], onset_doubt=timedelta(minutes=2)).named == "late"


def test_documents_and_tests_are_counter_evidence() -> None:
    ranking = rank(
        [change("docs", 5, files=("README.md", "tests/test_a.py")), change("code", 600, files=("shop/a.py",))], ONSET
    )
    assert first(ranking) == "code"
    assert any("documents" in item.text for item in ranking.changes[1].counter())


def test_words_of_the_error_in_the_diff_rare_ones_more() -> None:
    symptom = Symptom(text="sqlalchemy.exc.TimeoutError: QueuePool limit of size 2 overflow 0 reached")
    guilty = change("pool", 600, diff=("-POOL_SIZE = 20", "+POOL_SIZE = 2", "+MAX_OVERFLOW = 0"))
    others = [change(f"x{index}", 30 + index, diff=(f"+value_{index} = 1",)) for index in range(5)]
    ranking = rank([*others, guilty], ONSET, symptoms=[symptom])
    assert first(ranking) == "pool"
    everywhere = [item.model_copy(update={"diff": ("+pool_size = 1", "+overflow = 2")}) for item in [*others, guilty]]
    common = rank(everywhere, ONSET, symptoms=[symptom])
    assert part(common, "pool", "words") < part(ranking, "pool", "words"), "what stands everywhere says little"


def test_frames_and_visitors_words_are_no_words_of_the_error() -> None:
    trace = 'Traceback (most recent call last):\n  File "/srv/a.py", line 3, in reconcile\n    reconcile()\nKeyError: 1'
    asked = 'x is odd, client: 10.0.0.1, request: "GET /reconcile HTTP/1.1"'
    for text in (trace, asked):
        ranking = rank([change("a", 5, text="reconcile accounts")], ONSET, symptoms=[Symptom(text=text)])
        assert part(ranking, "a", "words") == 0


def test_the_map_raises_what_lies_below_and_lowers_what_nothing_failing_needs() -> None:
    edges = [Edge(caller="front", callee="cart"), Edge(caller="cart", callee="db"), Edge(caller="db", callee="front")]
    edges.append(Edge(caller="batch", callee="mail"))
    names = ("front", "cart", "db", "batch", "unknown")
    ranking = rank([change(name, 60) for name in names], ONSET, symptoms=[Symptom(component="front")], edges=edges)
    points = [part(ranking, name, "place") for name in names]
    assert points[0] > points[1] > points[2] > points[4] == 0 > points[3]


def test_undone_before_the_onset_speaks_against_and_undone_with_relief_for() -> None:
    clue, gone = ("path:/srv/a.py",), ONSET - timedelta(minutes=5)
    symptom = Symptom(clues=clue, last=ONSET + timedelta(minutes=10))
    before = rank([change("a", 600, clues=clue, reverted_at=gone)], ONSET, symptoms=[symptom])
    relief = rank([change("a", 600, clues=clue, reverted_at=ONSET + timedelta(minutes=9))], ONSET, symptoms=[symptom])
    went_on = rank([change("a", 600, clues=clue, reverted_at=ONSET + timedelta(minutes=1))], ONSET, symptoms=[symptom])
    assert before.named is None
    assert relief.changes[0].score > went_on.changes[0].score


def test_a_revert_commit_is_recognised_by_its_subject() -> None:
    ranking = rank(
        [
            change("one", 900, component="shop", text="new prices", clues=("path:/srv/p.py",)),
            change("two", 300, component="shop", text='Revert "new prices"', clues=("path:/srv/p.py",)),
        ],
        ONSET,
        symptoms=[Symptom(clues=("path:/srv/p.py",))],
    )
    assert part(ranking, "one", "undone") < 0
    assert first(ranking) == "two"


def test_earlier_incidents_with_the_same_cause_and_echoes() -> None:
    past = Past(at=ONSET - timedelta(days=20), clues=("path:/etc/app.conf",))
    ranking = rank([change("a", 60, clues=("path:/etc/app.conf",))], ONSET, history=[past])
    assert part(ranking, "a", "history") > 0
    job = {"component": "nightly", "kind": "start", "text": "nightly"}
    pair = [change("now", 300, **job), change("yesterday", 300 + 86_400, **job)]
    assert part(rank(pair, ONSET), "now", "echo") < 0, "it ran yesterday and nothing happened"
    trouble = Past(at=ONSET - timedelta(days=1))
    assert part(rank(pair, ONSET, history=[trouble]), "now", "echo") > 0
    assert part(rank([change("certificate", 30 * 86_400, text="certificate renewed")], ONSET), "certificate", "echo") > 0


def test_changes_as_the_sources_tell_them() -> None:
    told = Change(
        source="git", kind="commit", at=ONSET - timedelta(seconds=40), component="/srv/shop", clues=("module:stripe",),
        summary=Statement(text="{subject}", values={"subject": "pay by card"}), words=("stripe",),
    )  # fmt: skip
    ranking = rank([told], ONSET, symptoms=[MISSING])
    assert ranking.best() is not None
    assert ranking.changes[0].score >= NAMED


def test_it_is_deterministic_and_does_not_depend_on_the_order_given() -> None:
    given = [change(f"c{index}", 50 * index + 1, clues=("module:stripe",) if index == 4 else ()) for index in range(9)]
    one, two = rank(given, ONSET, symptoms=[MISSING]), rank(given[::-1], ONSET, symptoms=[MISSING])
    assert [item.id for item in one.changes] == [item.id for item in two.changes]


def test_plain_json() -> None:
    answer = rank_json(
        {
            "onset": ONSET.timestamp(),
            "changes": [
                {"at": "2026-11-20T09:58:00Z", "text": "reports"},
                {"id": "pay", "at": "2026-11-20T09:30:00Z", "files": ["shop/pay.py"], "diff": ["+import stripe"]},
            ],
            "symptoms": ["ModuleNotFoundError: No module named 'stripe'"],
        }
    )
    assert answer["named"] == "pay"
    assert answer["sentence"] == "pay explains it best"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "`onset` is needed"),
        ({"onset": "yesterday", "changes": []}, "`onset` is `yesterday`"),
        ({"onset": 1, "changes": [{"at": "2026-11-20"}]}, "`changes.0.at` is `2026-11-20`"),
        ({"onset": 1, "changes": [{"at": 1, "colour": "red"}]}, "`changes.0.colour` is not a field"),
        ({"onset": 1, "changes": 3}, "`changes` is `3`"),
        ([], "it should be an object"),
        ({"onset": 1, "changes": [{"id": "a", "at": 1}, {"id": "a", "at": 2}]}, "the id `a` more than once"),
        ({"onset": 1, "changes": [{"at": 1, "verson": "2"}]}, "did you mean `version`?"),
        (
            {"onset": 1, "changes": [], "observations": [{"component": "a", "metric": "m", "value": 1}]},
            "`observations.0.at` is needed",
        ),
        ({"onset": 1, "changes": [], "observations": [{"component": "a", "points": []}]}, "`observations.0.metric` is needed"),
        ({"onset": 1, "changes": [], "edges": [["a"]]}, "`edges.0` is"),
        ({"onset": 1, "changes": [], "observaitons": []}, "did you mean `observations`?"),
    ],
)
def test_bad_json_gets_a_sentence(data: Any, words: str) -> None:
    with pytest.raises(BadInput) as refused:
        rank_json(data)
    assert words in str(refused.value)

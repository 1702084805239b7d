"""Which of two changes to one file wrote the line that failed."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.change import Touched
from mcp_server.core.clock import parse_moment
from mcp_server.engine.ranking import rank
from mcp_server.engine.ranking_data import Candidate, Ranking, Symptom
from mcp_server.engine.ranking_frames import FRAME, frames

ONSET = parse_moment("2026-11-20T10:00:00Z")
FILE = "/srv/app/store/returns.py"
TRACE = f"""Traceback (most recent call last):
  File "/srv/venv/lib/python3.11/site-packages/gunicorn/workers/sync.py", line 134, in handle
    self.handle_request(listener, req, client, addr)
  File "/srv/app/store/views.py", line 8, in answer
    return answer(request)
  File "{FILE}", line 6, in rounded
    return rounded(request)
  File "/usr/lib/python3.11/decimal.py", line 90, in quantize
TypeError: unsupported operand"""
SYMPTOM = Symptom(text=TRACE, clues=(f"path:{FILE}",))


def change(name: str, before: float, *touched: Touched, **more: Any) -> Candidate:
    given = {"component": "/srv/app", "kind": "commit", "source": "git", "clues": ("path:/srv/app", f"path:{FILE}")} | more
    return Candidate(id=name, at=ONSET - timedelta(seconds=before), touched=touched, **given)


def wrote(first: int, last: int, path: str = FILE, **more: Any) -> Touched:
    return Touched(path=path, first=first, last=last, **more)


def points(ranking: Ranking, name: str) -> float:
    return sum(item.points for ranked in ranking.changes if ranked.id == name for item in ranked.parts if item.name == "frame")


def test_own_frames_innermost_first_of_several_languages() -> None:
    assert [(frame.path, frame.line, frame.function) for frame in frames(TRACE)] == [
        (FILE, 6, "rounded"), ("/srv/app/store/views.py", 8, "answer"),
    ]  # fmt: skip
    node = "TypeError: x\n    at Cart.total (/srv/shop/cart.js:12:9)\n    at /srv/shop/node_modules/express/index.js:3:1"
    assert frames(node) == [("/srv/shop/cart.js", 12, "total")]
    assert frames("goroutine 1\nmain.run()\n\t/srv/go/main.go:44 +0x1d")[0][:2] == ("/srv/go/main.go", 44)


def test_the_commit_that_wrote_the_line_comes_before_a_nearer_one_of_the_same_file() -> None:
    ranking = rank([change("near", 20, wrote(20, 22)), change("guilty", 900, wrote(3, 6))], ONSET, symptoms=[SYMPTOM])
    assert ranking.named == "guilty"
    assert (points(ranking, "guilty"), points(ranking, "near")) == (FRAME, 0)


@pytest.mark.parametrize(
    ("later", "line"),
    [
        (wrote(1, 2), 8), (wrote(1, 1, removed=3), 4), (wrote(1, 0, removed=2), 4), (wrote(1, 1, code=False), 7),
        (wrote(30, 40), 6), (wrote(1, 2, "/srv/app/store/views.py"), 6),
    ],
)  # fmt: skip
def test_a_line_is_followed_back_through_what_was_written_above_it(later: Touched, line: int) -> None:
    seen = SYMPTOM.model_copy(update={"text": TRACE.replace("line 6, in rounded", f"line {line}, in other")})
    ranking = rank([change("later", 20, later), change("guilty", 900, wrote(6, 6))], ONSET, symptoms=[seen])
    assert (points(ranking, "guilty"), points(ranking, "later")) == (FRAME, 0)


def test_a_line_that_was_written_again_is_the_later_ones() -> None:
    changes = [change("later", 20, wrote(6, 6, removed=1)), change("earlier", 900, wrote(6, 6))]
    ranking = rank(changes, ONSET, symptoms=[SYMPTOM])
    assert (points(ranking, "later"), points(ranking, "earlier")) == (FRAME, 0)


def test_what_came_after_the_onset_moves_no_line() -> None:
    changes = [change("late", -60, wrote(1, 5)), change("guilty", 900, wrote(6, 6))]
    assert points(rank(changes, ONSET, symptoms=[SYMPTOM]), "guilty") == FRAME


def test_the_function_counts_where_the_line_does_not_fit_and_outer_frames_say_less() -> None:
    function = change("function", 900, wrote(40, 43, defines=("rounded",)))
    outer = change("outer", 900, wrote(8, 8, "/srv/app/store/views.py"))
    ranking = rank([function, outer], ONSET, symptoms=[SYMPTOM])
    assert (points(ranking, "function"), points(ranking, "outer")) == (FRAME, FRAME / 2)


def test_comments_consequences_and_trouble_elsewhere_say_nothing() -> None:
    comment = change("comment", 20, wrote(6, 6, code=False))
    assert points(rank([comment], ONSET, symptoms=[SYMPTOM]), "comment") == 0
    guilty = change("guilty", 20, wrote(6, 6))
    for seen in (
        SYMPTOM.model_copy(update={"indirect": True}),
        SYMPTOM.model_copy(update={"text": TRACE.replace("unsupported operand", "connection refused")}),
    ):
        assert points(rank([guilty], ONSET, symptoms=[seen]), "guilty") == 0


@given(st.text(max_size=400), st.lists(st.tuples(st.integers(), st.integers(), st.integers()), max_size=5))
def test_any_text_and_any_numbers_are_survived(text: str, places: list[tuple[int, int, int]]) -> None:
    touched = [wrote(first, last, removed=removed) for first, last, removed in places]
    rank([change("a", 5, *touched), change("b", 9, *touched)], ONSET, symptoms=[Symptom(text=text), SYMPTOM])

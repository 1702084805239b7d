from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.logs.records import Record, split
from mcp_server.logs.summary import MIN_BUDGET, summarise
from mcp_server.logs.telling import rank
from mcp_server.logs.templates import Shapes
from mcp_server.logs.trimming import condense, headline, trim

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
LEVELS = ("critical", "error", "warning", "info", "debug", None)


def said(text, second=0, level="info"):
    return Record(text, START + timedelta(seconds=second), level)


def noise(count):
    return [said(f"GET /cart/{i} served in {i % 90} ms", i % 3_000) for i in range(count)]


@dataclass
class Clock:
    """Every look at it takes a second."""

    now: float = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_a_small_log_is_shown_whole():
    answer = summarise([said("up"), said("down", 1, "error")], 4_000)
    assert answer.text.endswith("all of it:\nup\ndown")
    assert answer.mode == "full" and not answer.left_out


def test_every_error_and_every_rare_record_verbatim_with_count_and_onset():
    records = noise(20_000)
    records[500] = said("configuration reloaded from /etc/shop/new.toml", 1_000)
    records[700:703] = [said(f"cannot reach db-7: refused, try {i}", 1_010 + i, "error") for i in range(3)]
    records[900] = said("peer 10.0.0.9 went away", 1_020, None)
    text = summarise(records, 2_000).text
    assert len(text) <= 2_000
    assert "configuration reloaded from /etc/shop/new.toml" in text
    assert "×3 2026-11-20T10:16:50.000Z to 2026-11-20T10:16:52.000Z [error]\n  cannot reach db-7: refused, try 0" in text
    assert "peer 10.0.0.9 went away" in text
    assert "GET * served in *" in text
    assert text.startswith("20,000 records, 2026-11-20T10:00:00.000Z to 2026-11-20T10:49:59.000Z; analysis: full\n")


def test_the_newest_episode_comes_first_and_its_cause_before_its_effects():
    records = noise(20_000)
    records[100] = said("old trouble with a cable", 10, "error")
    records[9_000] = said("lease lost", 2_900, "error")
    records[9_001] = said("writes refused", 2_905, "error")
    text = summarise(records, 2_000).text
    assert text.index("lease lost") < text.index("writes refused") < text.index("old trouble with a cable")


def test_errors_do_not_crowd_out_the_rare_nor_the_rare_the_errors():
    words = [f"{a}{b}" for a in "bcdfgklm" for b in ("a", "e", "i", "o", "u", "ar", "en")]
    records = noise(20_000)
    records += [said(f"{word} {word}x {word}y failed badly", 2_000, "error") for word in words for _ in range(9)]
    records += [said("schema migrated", 2_100), said("only once: disk fault", 2_200, "error")]
    answer = summarise(records, 2_500)
    assert "schema migrated" in answer.text and "only once: disk fault" in answer.text
    assert any("in trouble" in one for one in answer.left_out) and "left out: " in answer.text
    many = (
        noise(20_000) + [said(f"{word} began {word}ing {word}", 2_000) for word in words] + [said("lost the lease", 1, "error")]
    )
    assert "lost the lease" in summarise(many, 1_500).text


def test_an_answer_of_500_is_told_from_one_of_200():
    records = noise(9_000)
    records += [said(f'10.0.0.{i % 9} "GET /pay HTTP/1.1" {500 if i == 700 else 200} 12 "-"', i, None) for i in range(900)]
    records += [said(f'{{"path": "/cart", "status": {503 if i == 70 else 200}, "ms": {i}}}', i) for i in range(900)]
    text = summarise(records, 2_000).text
    assert '"GET /pay HTTP/1.1" 500 12' in text and '"status": 503' in text


def test_a_word_of_trouble_is_not_taken_for_one_value_of_many():
    ends = ("shipped", "packed", "paid", "returned", "FAILED")
    records = [said(f"order {i} of the shop is now {ends[i % 4]} at last", i) for i in range(5_000)]
    records[77] = said("order 77 of the shop is now FAILED at last", 77)
    assert "is now FAILED at last" in summarise(records, 1_000).text


def scores(*groups):
    """Score per example; each group is a level and (line, place) pairs."""
    found = {}
    for level, lines in groups:
        found[level] = Shapes()
        found[level].add([line for line, _ in lines], places=[place for _, place in lines])
    return {entry.shape.example: entry.score for entry in rank(found)}


def test_what_ranks_higher():
    usual = [("served", place) for place in range(0, 10_000, 2)]
    found = scores(
        ("error", [("broken pipe", 5_001), *[("broken heart", place) for place in range(5_003, 5_400, 2)]]),
        ("warning", [("broken wing", 9_001)]),
        ("info", [*usual, ("one thing", 3_001), ("thing reloaded", 3_201), ("near thing", 5_005), ("thing refused", 3_401)]),
        ("debug", [(f"so {word} it is", 8_001) for word in ("a", "b", "c", "d", "e", "f", "g")]),
    )
    assert found["broken pipe"] > found["broken heart"], "the rarer error"
    assert found["broken pipe"] > found["broken wing"] > found["thing refused"], "the level"
    assert found["thing refused"] > found["one thing"] < found["thing reloaded"], "words of trouble and of change"
    assert found["near thing"] > found["one thing"] > found["served"], "what begins where an error begins, what is rare"
    assert found["one thing"] > found["so a it is"], "what stands alone, not in a crowd"


def test_a_known_trouble_is_named():
    records = [*noise(3_000), said("shop: bind: address in use", 7, "error")]
    answer = summarise(records, 1_500, known=lambda text: "address in use" if "bind" in text else None)
    assert "[error] [address in use]\n  shop: bind" in answer.text
    assert [entry.known for entry in answer.shown if entry.known] == ["address in use"]


def test_a_trace_keeps_its_first_and_its_innermost_lines():
    frames = "\n".join(f'  File "/srv/a{i}.py", line {i}, in f{i}\n    f{i + 1}()' for i in range(80))
    trace = f"2026-11-20 10:00:00 ERROR request failed\nTraceback (most recent call last):\n{frames}\nKeyError: 'cart'"
    short = condense(trace, 300)
    assert len(short) <= 300
    assert short.startswith("2026-11-20 10:00:00 ERROR request failed") and short.endswith("KeyError: 'cart'")
    assert "f80()" in short and "\n…\n" in short
    assert headline(trace) == "2026-11-20 10:00:00 ERROR request failed / KeyError: 'cart'"
    java = (
        "ERROR failed\njava.lang.IllegalStateException: no\n\tat c.D\nCaused by: java.net.ConnectException: refused\n\tat e.F"
    )
    assert headline(java) == "ERROR failed / Caused by: java.net.ConnectException: refused"
    text = summarise([*split(trace).records, *noise(3_000)], 1_000).text
    assert "KeyError: 'cart'" in text


def test_a_long_line_is_cut_around_what_it_tells():
    line = '{"a": "' + "x" * 900 + '", "message": "database is gone", "b": "' + "y" * 900 + '"}'
    assert '"message": "database is gone"' in trim(line, 150)
    header = "2026-11-20 10:00:00,412 INFO [a thread of a long name] org.shop.rm.ContainerAllocator: "
    assert "Received the cart of today" in trim(header + "Received the cart of today and " + "more " * 50, 90)
    assert "connection refused by db" in trim("z " * 700 + "connection refused by db" + " w" * 700, 150)


def test_time_running_out_steps_down_and_says_so():
    records = [said(f"calm {i}") for i in range(22_000)]
    records[15_000] = said("disk failed", 1, "error")
    answer = summarise(records, 1_000, seconds=12, clock=Clock())
    assert answer.mode == "basic" and "of 12 s were spent" in answer.text
    assert "disk failed" in answer.text
    assert "without signs of trouble were not grouped" in answer.text
    stopped = summarise(records, 1_000, seconds=3, clock=Clock())
    assert stopped.records == 6_000 and "the rest was not read" in stopped.text


@pytest.mark.parametrize(("memory", "mode"), [(10**9, "full"), (10 * 1024**2, "rules"), (1024, "basic")])
def test_memory_chooses_the_level_and_the_answer_says_why(memory, mode):
    answer = summarise([*noise(2_000), said("disk failed", 1, "error")], 1_000, memory=memory)
    assert answer.mode == mode and f"analysis: {mode}" in answer.text
    assert "disk failed" in answer.text
    assert bool(answer.why) == (mode != "full")


def test_what_basic_only_counts_is_said():
    records = [*noise(6_000), *[said(f"write {i} failed", 1, "error") for i in range(90)]]
    assert "70 records in trouble were only counted" in summarise(records, 1_000, memory=1).text


def test_nothing_is_a_summary_too():
    assert summarise([], 500).records == 0
    assert summarise([Record("")] * 9_000, 500).records == 9_000


RECORDS = st.lists(
    st.builds(
        Record,
        st.one_of(
            st.text(st.characters(), max_size=300),
            st.sampled_from(
                ["Traceback (most recent call last):\n  x\nKeyError: 1", "\x00\u202e{", "error: " * 900, "a\nb\n" * 500]
            ),
        ),
        st.one_of(st.none(), st.datetimes(timezones=st.just(UTC), min_value=datetime(1971, 1, 1))),
        st.sampled_from(LEVELS),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(RECORDS, st.integers(-5, 3_000), st.sampled_from([1, 10 * 1024**2, 10**9]))
def test_no_record_raises_and_no_answer_exceeds_its_budget(records, budget, memory):
    answer = summarise(records, budget, memory=memory)
    assert len(answer.text) <= max(budget, MIN_BUDGET)
    assert answer.records == len(records)


@settings(max_examples=200)
@given(st.text(st.characters(), max_size=600), st.integers(0, 300))
def test_trimming_stays_within_its_width(text, width):
    assert len(trim(text, width)) <= width
    assert len(condense(text, width)) <= width
    assert "\n" not in headline(text)

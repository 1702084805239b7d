"""Words as people use them in trouble: forms of one word meet, what only identifies is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.incident.wording import concepts, terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connections refused", "connection refuses"), ("dropped packets", "packet drops"), ("caches", "caching"),
        ("certificates expired", "certificate expires"), ("queries", "query"), ("crashes", "crashed"), ("latencies", "latency"),
        ("restarting", "restarts"), ("deployments", "deployment"),
    ],
)  # fmt: skip
def test_forms_of_a_word_meet(one: str, other: str) -> None:
    assert sorted(set(terms(one))) == sorted(set(terms(other)))


@pytest.mark.parametrize(("one", "other"), [("process", "proceed"), ("status", "stat"), ("node", "note"), ("disk", "dis")])
def test_different_words_do_not(one: str, other: str) -> None:
    assert not set(terms(one)) & set(terms(other))


def test_a_compound_is_itself_and_its_words() -> None:
    assert terms("ModuleNotFoundError") == ["modulenotfounderror", "modul", "found", "error"]
    assert terms("CrashLoopBackOff")[:3] == ["crashloopbackoff", "crash", "loop"]


def test_what_only_identifies_is_left_out() -> None:
    told = terms("worker 48211 took 350ms at deadbeef01 for 3f2a9c44-1111-4222-8333-444455556666 and answered 502")
    assert "502" in told
    assert not {"48211", "350ms", "deadbeef01", "3f2a9c44"} & set(told)


@pytest.mark.parametrize(
    ("text", "idea"),
    [
        ("checkout takes forever", "latency"), ("pods stuck in CrashLoopBackOff", "restart_loop"), ("ENOSPC", "disk"),
        ("the site went to a 502 page", "gateway"), ("certs ran out", "certificate"), ("no space left on device", "disk"),
        ("sorry, too many clients already", "pool"), ("could not resolve host", "dns"), ("it won't start", "down"),
    ],
)  # fmt: skip
def test_ideas(text: str, idea: str) -> None:
    assert idea in concepts(text)


@given(st.text(max_size=400))
def test_no_text_raises(text: str) -> None:
    assert all(word == word.lower() and word for word in terms(text))
    assert len(concepts(text)) == len(set(concepts(text)))

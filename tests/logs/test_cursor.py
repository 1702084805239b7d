import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.errors import BadInput
from mcp_server.core.source import in_memory
from mcp_server.logs.cursor import MAX_CURSOR, Mark, moved, open_cursor, read_cursor, write_cursor

KEY = b"k" * 32
QUERY = {"source": "/var/log/app.log", "patterns": ["x"], "limit": 5}
LOG = in_memory("/var/log/app.log", b"one\ntwo\nthree\n")


def mark(offset: int = 4, end: int = 14) -> Mark:
    return Mark(offset, end, LOG.identity())


@given(
    st.lists(st.builds(Mark, st.integers(0, 1 << 60), st.integers(0, 1 << 60), st.text(max_size=40)), max_size=12),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4),
)
def test_there_and_back(marks: list[Mark], query: dict[str, object]) -> None:
    text = write_cursor(marks, query, KEY)
    assert open_cursor(text, query, KEY) == tuple(marks) and write_cursor(marks, query, KEY) == text


def test_it_is_small_and_stands_in_a_suggested_call() -> None:
    text = write_cursor([Mark(1 << 31, 1 << 31, "fd01:123abc:512:0123456789abcdef")], QUERY, KEY)
    assert len(text) < 80 and text.replace("-", "").replace("_", "").isalnum()


def test_the_same_place_in_a_file_that_grew() -> None:
    grown = in_memory(LOG.name, b"one\ntwo\nthree\nfour\n")
    assert read_cursor(
        write_cursor([Mark(4, 14, in_memory("x", b"one\ntwo\nthree\n").identity())], QUERY, KEY), QUERY, KEY, [grown]
    )


@settings(max_examples=300)
@given(st.integers(0, 10_000), st.sampled_from(["flip", "cut", "add", "swap"]))
def test_no_damage_passes(seed: int, how: str) -> None:
    rnd = random.Random(seed)
    text = write_cursor([mark()], QUERY, KEY)
    place = rnd.randrange(len(text))
    letter = rnd.choice("ABCxyz019-_=.é \n\0")
    damaged = {
        "flip": text[:place] + letter + text[place + 1 :], "cut": text[:place], "add": text[:place] + letter + text[place:],
        "swap": text[place:] + text[:place],
    }[how]  # fmt: skip
    if damaged != text:
        with pytest.raises(BadInput, match=r"`cursor` is .*(damaged|another question).*leave it out"):
            open_cursor(damaged, QUERY, KEY)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.hex()))
def test_no_text_raises_anything_but_a_sentence(text: str) -> None:
    with pytest.raises(BadInput, match="leave it out to start anew"):
        open_cursor(text, QUERY, KEY)


def test_one_made_without_the_key_is_refused() -> None:
    with pytest.raises(BadInput, match="not made by this program"):
        open_cursor(write_cursor([mark()], QUERY, b"another key"), QUERY, KEY)
    with pytest.raises(BadInput, match="no cursor of ours"):
        open_cursor("A" * (MAX_CURSOR + 1), QUERY, KEY)


def test_another_question_is_told_apart_from_damage() -> None:
    with pytest.raises(BadInput, match="belongs to another question"):
        open_cursor(write_cursor([mark()], QUERY, KEY), {**QUERY, "patterns": ["y"]}, KEY)


def test_rotated_truncated_and_vanished_are_said() -> None:
    text = write_cursor([mark()], QUERY, KEY)
    for source, told in (
        (in_memory(LOG.name, b"another beginning\n" * 9), "app.log was rotated or replaced"),
        (in_memory(LOG.name, b"one\n"), "rotated or replaced"),
    ):
        with pytest.raises(BadInput, match=told):
            read_cursor(text, QUERY, KEY, [source])
    with pytest.raises(BadInput, match="over 1 sources, now there are 2"):
        read_cursor(text, QUERY, KEY, [LOG, LOG])
    long = in_memory(LOG.name, b"x" * 2_000)
    cut = in_memory(LOG.name, b"x" * 1_000)
    assert moved(Mark(1_500, 2_000, long.identity()), cut) == (
        "/var/log/app.log was truncated since: it has 1,000 bytes, then it had 2,000"
    )
    assert moved(Mark(1_500, 2_000, long.identity()), long) is None

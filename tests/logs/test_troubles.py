"""Known troubles are loaded strictly and found quickly, whatever the text."""

import re
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.errors import Broken
from mcp_server.logs.literals import Finder, required
from mcp_server.logs.troubles import HEAD, load

MINE = """
- id: shop.till
  title: The till is closed
  match: 'till (?P<till>\\d{1,3}) closed by (?P<path>/\\S{1,80}) '
  severity: warning
  meaning: Nobody can pay at it.
  causes: [end of the day]
  samples: ['till 4 closed by /srv/till/ now']
"""


def ids(text: str) -> list[str]:
    return [match.trouble.id for match in load().match(text)]


def test_extracts_become_typed_clues() -> None:
    (match,) = load().match("ModuleNotFoundError: No module named 'stripe.api'")
    assert (match.trouble.id, match.clues) == ("python.module_missing", ("module:stripe",))
    (match,) = load((("mine.yaml", MINE),)).match("ERROR till 4 closed by /srv/till/ now")
    assert (match.extracts, match.clues) == ({"till": "4", "path": "/srv/till/"}, ("path:/srv/till",))
    assert match.span == (6, 34)


def test_what_stands_elsewhere_in_the_record_is_extracted_too() -> None:
    line = '[error] 1#1: *1 upstream timed out (110: Connection timed out) while x, upstream: "http://127.0.0.1:8000/"'
    (match,) = load().match(line)
    assert (match.trouble.id, match.clues) == ("nginx.upstream_timed_out", ("port:8000",))


def test_a_general_trouble_counts_only_where_nothing_more_specific_does() -> None:
    assert ids("connect: connection refused") == ["network.connection_refused"]
    assert ids('connection to server at "db", port 5432 failed: Connection refused') == ["postgresql.client_refused"]


def test_the_weightiest_comes_first() -> None:
    found = ids("Error: socket hang up\nDeadlock found when trying to get lock\nFATAL:  sorry, too many clients already")
    assert found[0] == "postgresql.too_many_connections"


def test_calm_records_tell_only_of_what_is_told_calmly() -> None:
    text = "systemd[1]: shop.service: Failed with result 'exit-code'.\nModuleNotFoundError: No module named 'x'"
    assert [match.trouble.id for match in load().match(text, calm_only=True)] == ["systemd.unit_failed"]
    assert len(ids(text)) == 2


def test_control_codes_do_not_hide_it_and_spans_stay_inside() -> None:
    text = "\x1b[31mENOS\x1b[0mPC: no sp\0ace"
    (match,) = load().match(text)
    assert (match.trouble.id, match.span) == ("disk.no_space", (0, len(text)))


@pytest.mark.parametrize("place", [0, HEAD - 100, -200])
def test_head_and_end_of_a_long_text_are_considered(place: int) -> None:
    text = "x" * 10_000_000
    place %= len(text)
    text = f"{text[:place]} ENOSPC {text[place:]}"
    (match,) = load().match(text)
    assert text[slice(*match.span)] == "ENOSPC"


@pytest.mark.parametrize(
    "text",
    ["Connection refused " * 500_000, "\x1b]" * 5_000_000, "\x1b[3" * 3_000_000, "\0" * 10_000_000, "".join(
        word for trouble in load().troubles for word in trouble.literals()) * 10],
)  # fmt: skip
def test_hostile_text_costs_little(text: str) -> None:
    began = time.process_time()
    load().match(text)
    assert time.process_time() - began < 2


@given(st.text(max_size=300))
def test_no_text_raises_and_spans_lie_inside(text: str) -> None:
    for match in load().match(text + " ENOSPC \x1b[1m" + text):
        assert 0 <= match.span[0] <= match.span[1] <= 2 * len(text) + 12


def test_ordinary_lines_are_passed_quickly() -> None:
    line = '203.0.113.%d - - [20/Nov/2026:10:31:07 +0000] "GET /api/v1/orders/%d HTTP/1.1" 200 %d "-" "Mozilla/5.0 (X11)"'
    lines = [line % (number % 256, number, number) for number in range(20_000)]
    load()
    began = time.process_time()
    assert list(load().match_many(lines)) == []
    assert len(lines) / (time.process_time() - began) > 50_000, "far below the 150,000 per second of a quiet machine"


def test_the_server_starts_without_them() -> None:
    code = "import sys, mcp_server.logs.troubles; sys.exit('yaml' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("shop.till", "Shop"), "mine.yaml: pattern Shop: `id`"),
        (("severity: warning", "severity: bad"), "mine.yaml: pattern shop.till: `severity`"),
        (("severity: w", "finding: nothing\n  severity: w"), "mine.yaml: pattern shop.till: `finding`"),
        (("causes", "cases"), "mine.yaml: pattern shop.till: `ca"),
        (("{1,3}", "+"), "mine.yaml: pattern shop.till: '+' is not bounded"),
        (("till (", "(?=till ("), r"lookaround"),
        (("till (?P<till>\\d{1,3}) closed by ", "(?P<till>\\d{1,3}) "), "no literal of 4 characters"),
        (("shop.till", "nginx.upstream_refused"), "already defined in nginx.yaml"),
        (("- id", "id"), "mine.yaml: "),
        (("[end of the day]", "[end"), "mine.yaml: cannot be read as YAML"),
        (("(?P<till>", "(?P<path>"), "mine.yaml: pattern shop.till: redefinition of group"),
    ],
)
def test_a_broken_file_is_named_with_pattern_and_reason(change: tuple[str, str], says: str) -> None:
    with pytest.raises(Broken, match=re.escape(says)):
        load((("mine.yaml", MINE.replace(*change)),))


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        (r"foo?bar[a-z]{1,20}longer text", ("longer text",)),
        (r"(?:abcd|efghi) x|other words", ("abcd", "efghi", "other words")),
        (r"(?i:hello)world", ("world",)),
        (r"(?:optional words)?must\.be", ("must.be",)),
        (r"\d{1,3}|abc", ()),
    ],
)
def test_literals_that_must_stand_there(pattern: str, literals: tuple[str, ...]) -> None:
    assert required(pattern) == literals


@pytest.mark.parametrize(
    "pattern",
    [r"a*", r"a+", r"a{2,}", r"a{1,900}", r"(a{1,3}b){1,4}", r"(x)\1", r"(?!x)", r"(?<=x)y", r"(x", r"x)", r"a{1,3}?",
     r"[a-z]{0,400}b[a-z]{0,400}c[a-z]{0,400}d", r"(?s)x", r"(?P=x)"],
)  # fmt: skip
def test_what_is_outside_the_subset_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        required(pattern)


@given(
    st.lists(st.text("abcxk ", min_size=4, max_size=8), min_size=1, max_size=20, unique=True), st.text("abcxk ", max_size=60)
)
def test_the_finder_finds_exactly_what_stands_there(words: list[str], text: str) -> None:
    finder = Finder({word: [place] for place, word in enumerate(words)})
    assert finder.find(text) == {place for place, word in enumerate(words) if word in text}

import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.errors import BadInput, Cancelled, CouldNotLook
from mcp_server.core.source import Opened, in_memory
from mcp_server.logs.expressions import Certain, certain
from mcp_server.logs.matching import FixedStrings
from mcp_server.logs.search import Found, Matcher, compile_patterns, search

LOG = b"one error here\ntwo\nthree ERROR and error\nfour\n\nfive error"


def find(data: bytes, *patterns: str, regex: bool = False, ignore_case: bool = False, **options: object) -> Found:
    matcher = compile_patterns(patterns, regex=regex, ignore_case=ignore_case)
    return search(in_memory("log", data), matcher, **options)  # type: ignore[arg-type]


def lines(found: Found) -> list[bytes]:
    return [hit.line for hit in found.hits]


def stream(data: bytes) -> Opened:
    """A source without a size, which refuses to go back."""
    asked = [0]

    def read(offset: int, length: int) -> bytes:
        assert offset >= asked[0], "a stream was asked to go back"
        asked[0] = offset + len(data[offset : offset + length])
        return data[offset : offset + length]

    source = Opened("stream", None, read)
    source.identity = lambda length=0: "0:0:0:"  # type: ignore[method-assign, assignment]
    return source


def test_a_line_counts_once_however_often_it_matches() -> None:
    found = find(LOG, "error")
    assert (found.count, found.counts) == (3, (3,))
    assert lines(found) == [b"one error here", b"three ERROR and error", b"five error"]
    assert [LOG[hit.start : hit.end].rstrip(b"\n") for hit in found.hits] == lines(found)
    assert (found.start, found.end, found.next, found.stopped) == (0, len(LOG), None, False)


def test_several_patterns_at_once_and_any_case() -> None:
    found = find(LOG, "ERROR", "four", ignore_case=True)
    assert found.count == 4 and found.counts == (3, 1)
    assert [hit.which for hit in found.hits] == [(0,), (0,), (1,), (0,)]
    assert find(LOG, "ERROR", "error").hits[1].which == (0, 1)


def test_any_case_beyond_ascii() -> None:
    assert find("Größe ÜBER\n".encode(), "über", ignore_case=True).count == 1
    assert find(b"a.b\n", "A.B", ignore_case=True).count == 1
    assert find(b"axb\n", "A.B", ignore_case=True).count == 0


def test_the_limit_keeps_counting_and_the_next_page_goes_on_exactly() -> None:
    data = b"".join(b"hit %d\nmiss\n" % number for number in range(100))
    seen, start = [], 0
    while True:
        page = find(data, "hit", start=start, limit=7)
        assert page.count == 100 - len(seen)
        seen += lines(page)
        if page.next is None:
            break
        start = page.next
    assert seen == [b"hit %d" % number for number in range(100)]
    assert find(data, "hit", limit=0).next == 0 and find(data, "hit", limit=0).count == 100


@pytest.mark.parametrize("block", [1, 3, 8, 64, 4_096])
@pytest.mark.parametrize("make", [lambda data: in_memory("log", data), stream])
def test_context_crosses_the_borders_of_blocks(block: int, make: object) -> None:
    data = b"".join(b"line %d\n" % number for number in range(20))
    matcher = compile_patterns(["line 10"])
    hit = search(make(data), matcher, before=2, after=3, block=block).hits[0]  # type: ignore[operator]
    assert hit.before == (b"line 8", b"line 9")
    assert hit.after == (b"line 11", b"line 12", b"line 13")
    last = search(make(data), compile_patterns(["line 19"]), after=2, block=block).hits[0]  # type: ignore[operator]
    assert last.after == ()


_WORDS = st.sampled_from([b"a", b"b", b"ab", b"aa", b" ", b"\n", b"\n", b"\r\n", b"\xc3\xa9", b"\xff", b"\0", b"1"])
_EXPRESSIONS = [
    "a",
    "b+",
    "a.*b",
    "^a",
    "b$",
    r"\s",
    r"a\s*b",
    "[^a]",
    "(a|b)1",
    "^$",
    "a*",
    r"a[^x]*b",
    r"\bab\b",
    "a$|^b",
    r"a\s*$",
]


@settings(max_examples=150)
@given(
    st.lists(_WORDS, max_size=60).map(b"".join),
    st.lists(st.sampled_from(_EXPRESSIONS), min_size=1, max_size=3, unique=True),
    st.sampled_from([2, 5, 17, 1_000]),
    st.booleans(),
)
def test_any_block_size_matches_what_each_line_alone_matches(
    data: bytes, expressions: list[str], block: int, sized: bool
) -> None:
    matcher = compile_patterns(expressions, regex=True)
    found = search(in_memory("log", data) if sized else stream(data), matcher, block=block, limit=1_000)
    expected = []
    for line in data.removesuffix(b"\n").split(b"\n") if data else []:
        bare = line.removesuffix(b"\r")
        wanted = tuple(n for n, text in enumerate(expressions) if _alone(text, line, bare))
        if wanted:
            expected.append((bare, wanted))
    assert [(hit.line, hit.which) for hit in found.hits] == expected
    assert found.count == len(expected)


def _alone(text: str, line: bytes, bare: bytes) -> bool:
    pattern = text.encode()
    return bool(re.search(pattern, line) or (b"$" in pattern and re.search(pattern, bare)))


@settings(max_examples=100)
@given(st.lists(_WORDS, max_size=60).map(b"".join), st.sampled_from(["a", "ab", "é", "A", "aa"]), st.booleans())
def test_fixed_strings_without_the_engine_find_the_same(data: bytes, text: str, ignore_case: bool) -> None:
    ours = find(data, text, "b", ignore_case=ignore_case, block=7, limit=1_000)
    plain = search(in_memory("log", data), FixedStrings((text, "b"), ignore_case=ignore_case), block=7, limit=1_000)
    if text.isascii() or not ignore_case:
        assert plain == ours


def test_many_matches_are_counted_as_few_are() -> None:
    data = b"".join(b"hit %d hit\nhithit\n%s\n" % (number, b"miss" * (number % 3)) for number in range(2_000)) + b"a hit"
    found = find(data, "hit", limit=10_000)
    assert lines(found) == [line for line in data.split(b"\n") if b"hit" in line] and found.count == 4_001


_BULK_EXPRESSIONS = [
    *_EXPRESSIONS, "ab 1", "hit.*ab", "hit[^b]*1", r"\d+ hit", r"hit\W+1", "(ab|hit)1", "x?hit", "hit$", r"h\x69t",
    "[[:space:]]1", "(?s)hit.a", "[^-a]1", "(?i)HIT", "hit{1,2} ", r"hit\b", "h|a", "a{20}", ".*",
    r"\d hit", "[ab]+ hit", r"\w+ hit 1", "[0-9]+ hit.*1", "[ab ]hit", r"[a-b0-9]{2}hit", ".*hit", "hit 1.*", r"hit 1",
    "^[ab]hit",
    r"(a|1)+ hit", r"\d\d? hit", "1.hit", r"[ab]+hit[ab1]",
]  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(_WORDS, st.sampled_from([b"hit", b"hit 1", b"HIT", b"ab 1", b"1 hit", b"ab hit", b" hit\n"])),
        min_size=1,
        max_size=30,
    ).map(b"".join),
    st.sampled_from(_BULK_EXPRESSIONS),
    st.booleans(),
    st.booleans(),
    st.integers(1, 400),
    st.sampled_from([512, 8_192]),
)
def test_what_is_only_counted_is_counted_exactly(
    data: bytes, text: str, regex: bool, ignore_case: bool, often: int, block: int
) -> None:
    data = data * often
    options = {"regex": regex, "ignore_case": ignore_case, "block": block}
    count = find(data, text, limit=0, **options).count  # type: ignore[arg-type]
    assert count == find(data, text, limit=10**6, **options).count  # type: ignore[arg-type]
    flags = re.I if ignore_case else 0
    if "[[" in text and regex:  # no class of the standard library
        return
    one = re.compile(text.encode() if regex else re.escape(text.encode()), flags)
    whole = data.removesuffix(b"\n").split(b"\n")
    assert count == sum(bool(one.search(line) or ("$" in text and one.search(line.removesuffix(b"\r")))) for line in whole)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[0-9]+ timed out", Certain(held=b" timed out", before=b"[0-9]", last=True, free=True)),
        (r"user=\d+ id=ff[0-9a-f]", Certain(b"user=", b" id=ff", rb"\d", free=True)),
        (r".*timed out \(110\)", Certain(held=b"timed out (110)", whole=True, last=True, free=True)),
        ("timed out.*", Certain(b"timed out", b"timed out", whole=True, free=True)),
        (r"\bfoo (bar|baz)$", Certain(b"", b"foo ")), ("foo|bar", Certain()), ("(?i)foo", Certain()), (r"\x41foo", Certain()),
        ("a+bcd", Certain(b"a", b"bcd", last=True, free=True)), ("[^a]b*cd?efg", Certain(held=b"efg", last=True, free=True)),
        ("(?:x|y) foo", Certain(held=b" foo", last=True, free=True)),
        ("[[:alpha:]]foo", Certain(held=b"foo", last=True, free=True)),
    ],
)  # fmt: skip
def test_what_is_certain_of_a_match(text: str, told: Certain) -> None:
    assert certain(text) == told


@pytest.mark.parametrize(
    "text", ["[0-9]+ timed out", "took [0-9]+ ms", "[a-z]+ out$", ".*GET", "[0-9]+ (GET|PUT) /", r"\d\d ms\b"]
)
def test_a_text_in_every_line_hides_no_match(text: str) -> None:
    rnd = random.Random(1)
    words = ["took 38 ms", "7 timed out", "x timed out", "200 GET /", "PUT /a", "ms out", "out", "9 ms!"]
    data = "".join(" ".join(rnd.choices(words, k=rnd.randint(1, 9))) + "\n" for _ in range(30_000)).encode()
    count = sum(bool(re.search(text.encode(), line)) for line in data.split(b"\n"))
    for block in (1_000, 40_000, 1 << 19):
        assert find(data, text, regex=True, limit=0, block=block).count == count
        assert find(data, text, regex=True, limit=10**6, block=block).count == count


def test_counting_in_bulk_gives_up_where_it_is_slow() -> None:
    data = b"".join(b"%s%d x\n" % (b"ab" * (number % 7), number) for number in range(20_000))
    for text in (r"[ab].{12}x|\d x", r"(.*b){6}", r"(a?b?){20}x"):
        few, many = find(data, text, regex=True, limit=0, block=4_096), find(data, text, regex=True, limit=10**6)
        assert few.count == many.count


def test_without_the_engine_expressions_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    assert isinstance(compile_patterns(["x"]), FixedStrings)
    with pytest.raises(CouldNotLook, match="google-re2 is not installed"):
        compile_patterns(["x+"], regex=True)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(a", "missing"), ("[a", "missing"), ("a**", "bad repetition"), (r"(a)\1", "linear"), ("(?=a)", "linear"),
        ("(*UTF8)a", "repetition"), ("[éa]", "beyond ASCII"), (r"\Qa", "fixed"), ("(?x)a #", "mode"), ("a)|(b", "unexpected"),
        ("(.{900}a){900}", "cannot be used"), ("((.{99}a){99}b){99}", "cannot"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_words(pattern: str, told: str) -> None:
    with pytest.raises(BadInput, match=f"pattern .*{told}"):
        compile_patterns([pattern], regex=True)


@pytest.mark.parametrize("patterns", [[], [""], ["a" * 1_001], ["a\nb"], ["a"] * 33])
def test_bounds_of_patterns(patterns: Sequence[str]) -> None:
    with pytest.raises(BadInput):
        compile_patterns(patterns)


@settings(max_examples=300)
@given(st.text(alphabet="ab()[]{}|*+?^$.\\dswSQEAZz,0123é\n-:=<>!P#ix \0", max_size=25))
def test_no_pattern_raises_anything_but_a_sentence(text: str) -> None:
    try:
        matcher = compile_patterns([text], regex=True)
    except BadInput:
        return
    assert search(in_memory("log", b"aab 12 \xc3\xa9\nb\n\n[a]\n"), matcher).count <= 4


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*a){12}b", r"^(\w+\s?)*$", r"a?" * 25 + "a" * 25])
def test_patterns_that_explode_elsewhere_stay_linear(pattern: str) -> None:
    looked: list[int] = []
    found = search(
        in_memory("log", (b"a" * 4_000 + b"!\n") * 50),
        compile_patterns([pattern], regex=True),
        enough=lambda: bool(looked.append(1)),
    )
    assert found.end == 50 * 4_002 and looked


class Heads:
    """Keeps lines by their first bytes."""

    def __init__(self, keep: Callable[[bytes], bool]) -> None:
        self.keep, self.seen = keep, list[int]()

    def __call__(self, data: bytes, places: Sequence[tuple[int, int]], open_head: bytes) -> Iterator[bool]:
        return (self.keep(data[begin:stop]) for begin, stop in places)

    def passed(self, data: bytes, length: int) -> None:
        self.seen.append(length)


def matcher() -> Matcher:
    return compile_patterns(["needle"])


def test_a_line_longer_than_everything_counts_once_and_is_cut_around_its_match() -> None:
    line = b"x" * 5_000 + b"needle" + b"y" * 5_000 + b"needle" + b"z" * 5_000
    found = search(in_memory("log", b"first\n" + line + b"\nneedle\n"), matcher(), block=256, longest=1_024, max_line=100)
    assert found.count == 2 and found.hits[0].cut and b"needle" in found.hits[0].line and len(found.hits[0].line) == 100
    assert found.notes == ("a very long line was searched in pieces: a match across two pieces is not seen",)
    whole = search(in_memory("log", b"first\n" + line), matcher(), block=256, max_line=100)
    assert whole.count == 1 and whole.hits[0].cut and b"needle" in whole.hits[0].line and not whole.notes


def test_a_match_on_the_border_of_two_pieces_is_seen() -> None:
    for place in range(1_000, 1_040):
        line = b"x" * place + b"needle" + b"y" * 2_000
        assert search(in_memory("log", line), matcher(), block=64, longest=1_024).count == 1


def test_ranges_and_times_choose_what_is_counted() -> None:
    data = b"1 needle\n2 needle\n3 needle\n4 needle\n"
    found = search(in_memory("log", data), matcher(), ranges=[(0, 9), (18, 36)])
    assert lines(found) == [b"1 needle", b"3 needle", b"4 needle"]
    kept = search(in_memory("log", data), matcher(), keep=Heads(lambda head: head[:1] in b"24"), limit=1)
    assert (kept.count, lines(kept)) == (2, [b"2 needle"])
    again = search(in_memory("log", data), matcher(), keep=Heads(lambda head: head[:1] in b"24"), start=kept.next or 0)
    assert lines(again) == [b"4 needle"]


def test_the_end_of_patience_is_said_and_continued() -> None:
    data, calls = b"needle\n" * 100, iter([False, False, True])
    found = search(in_memory("log", data), matcher(), block=70, enough=lambda: next(calls), limit=1_000)
    assert found.stopped and found.count == 20 and found.end == 140
    rest = search(in_memory("log", data), matcher(), start=found.end, limit=1_000)
    assert rest.count == 80


def test_cancelling_goes_through() -> None:
    def gone() -> bool:
        raise Cancelled("gone")

    with pytest.raises(Cancelled):
        search(in_memory("log", b"x"), matcher(), enough=gone)


def test_a_file_cut_short_or_replaced_meanwhile_is_survived_and_said() -> None:
    data = b"needle\n" * 1_000
    reads: list[int] = []

    def shrinking(offset: int, length: int) -> bytes:
        reads.append(offset)
        return data[: 700 if len(reads) > 2 else None][offset : offset + length]

    found = search(Opened("log", len(data), shrinking), matcher(), block=350)
    assert "truncated" in found.notes[0] and found.count == 100

    content = [data]
    source = Opened("log", len(data), lambda offset, length: content[0][offset : offset + length])

    def swap() -> bool:
        content[0] = b"other!\n" * 1_000
        return False

    assert "replaced" in search(source, matcher(), enough=swap).notes[0]


def test_what_was_added_meanwhile_is_left_to_the_next_look() -> None:
    source = Opened("log", 7, lambda offset, length: (b"needle\n" * 5)[offset : offset + length])
    found = search(source, matcher())
    assert found.count == 1 and found.end == 7 and not found.notes


def test_a_line_behind_a_hole_is_a_line_of_its_own() -> None:
    data = b"\0" * 30_000 + b"2026 needle here\nother\n"
    found = find(data, "needle", keep=Heads(lambda head: head.startswith(b"2026")))
    assert [(hit.line, hit.start, hit.cut) for hit in found.hits] == [(b"2026 needle here", 30_000, False)]


@pytest.mark.parametrize("every", [1, 7, 900, 10**9])
def test_large_blocks_are_searched_alike_with_and_without_the_engine(every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(b"%d %s\n" % (number, b"a.b\\c" if number % every == 0 else b"axb\\c") for number in range(60_000))
    for options in ({"limit": 10**6}, {"limit": 3}):
        found = find(data, "a.b\\c", **options)
        assert found.count == len(range(0, 60_000, every))
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "re2", None)
            assert find(data, "a.b\\c", **options) == found

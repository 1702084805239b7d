import random
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.logs.differences import compare
from mcp_server.logs.masking import Masker, keys
from mcp_server.logs.merging import merge
from mcp_server.logs.templates import OTHER, Shapes, groups

START = datetime(2026, 11, 20, 10, tzinfo=UTC)


def shape(line: str) -> str:
    return Masker().shapes(keys([line]))[keys([line])[0]]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("job 17 took 2.5 ms", "job * took *"),
        ("sent 12 KB (1.2 MB) to 10.0.0.7:8080", "sent * to *"),
        ("commit 3f2a9bc01d by ana@shop.example", "commit * by *"),
        ("request 7d9f2c1e-0b1a-4c3d-9e8f-001122334455 done", "request * done"),
        ("opened /var/lib/shop/cart.db", "opened *"),
        (r"opened C:\data\cart.db", "opened *"),
        ("GET https://shop.example/cart?x=1 failed", "GET * failed"),
        ("user=ana age=31 host=db7.shop.example", "user=ana age=* host=*"),
        ("java.net.ConnectException: refused", "java.net.ConnectException: refused"),
        ("removed blk_-12 blk_7, blk_9", "removed blk_*"),
        ("job_17_attempt_3 ended", "* ended"),
        ("lease for 00:1b:44:a3:ba:c4 via eth0", "lease for * via eth*"),
        ("bound to fe80::1ff:fe23:4567:890a now", "bound to * now"),
        ("std::vector of a::b", "std::vector of a::b"),
        ("locked Worker{9f4ef63 Shop@1f2e3d}", "locked Worker{* Shop@*}"),
        ("at Fri Nov 20 10:31:07 2026 all was well", "at * all was well"),
        ("", ""),
        ("2026-11-20 10:31:07", "*"),
        # without a stamp there is no header, but a level
        ("Error opening the file", "Error opening the file"),
        ("ERROR: Login failed: no such user", "Login failed: no such user"),
    ],
)
def test_what_varies_is_masked_and_what_tells_stays(line, wanted):
    assert shape(line) == wanted


@pytest.mark.parametrize(
    "header",
    [
        "2026-11-20T10:31:07.412Z INFO ", "2026-11-20 10:31:07,412 - shop.db - ERROR - ", "Nov 20 10:31:07 web1 shop[42]: ",
        "[2026-11-20 10:31:07 +0000] [4242] [INFO] ", "2026-11-20 10:31:07.412  INFO 42 --- [  main] c.e.Shop   : ",
        "E1120 10:31:07.412345    42 store.go:243] ", "11-20 10:31:07.412  1702  2395 D Store: ",
        "17/06/09 20:10:40 WARN store.Backend: ", "[Fri Nov 20 10:31:07 2026] [error] ",
        "081109 203615 148 INFO shop.Node$Part: ",
        "2026-11-20 10:31:07 web1 WARNING ", "10:31:07.412 [pool-3-thread-7] DEBUG com.shop.Db - ",
        "2026-11-20 10:31:07,412 [Worker[id=1]/10.0.0.7:Db@368] - ",
        "2026-11-20 10:31:07.412 42 INFO shop.api.wsgi.server [req-38101a0b-2096-447d-96ea-a692162415ae 113d3a99 - - -] ",
    ],
)  # fmt: skip
def test_a_header_does_not_split_shapes(header):
    assert shape(header + "cannot open the store at 10.0.0.9") == "cannot open the store at *"


def test_a_header_ends_with_the_logger():
    assert shape("Nov 20 10:31:07 web1 shop[42]: [cart] 7 gone") == "[cart] * gone"


def test_shapes_that_differ_in_one_variable_word_become_one():
    names = ["ana", "ben", "cora", "dan"]
    found = groups([f"session opened for user {name} by root" for name in names])
    assert set(found) == {"session opened for user * by root"}


@pytest.mark.parametrize(
    "lines",
    [
        [f"{name} startup succeeded" for name in ("cups", "sshd", "cron", "nginx", "redis")],
        [f"login of a user failed with user={name}" for name in ("ana", "ben")],
        [f'{{"service": "shop", "part": "db", "message": "{word}"}}' for word in ("Started", "Stopped", "Reloaded", "Failed")],
    ],
)
def test_what_a_line_says_is_not_merged_away(lines):
    assert len(set(groups(lines))) == len(lines)


def test_a_word_known_to_vary_takes_further_values_in():
    lines = [f"no access for user u{i}x{i} from outside" for i in range(3)] + ["no access for user admin from outside"]
    assert len(set(groups(lines))) == 1


def test_counts_places_times_and_example():
    shapes = Shapes()
    times = [START + timedelta(seconds=s) for s in (5, 1, 9)]
    shapes.add(["cart 1 lost", "ready", "cart 2 lost"], times)
    top, other = shapes.result().shapes
    assert (top.text, top.count, top.first, top.last, top.example) == ("cart * lost", 2, 0, 2, "cart 1 lost")
    assert (top.since, top.until) == (times[0], times[2])
    assert other.since == other.until == times[1]
    assert shapes.result() == shapes.result()


def test_asking_twice_gives_the_same():
    shapes = Shapes()
    shapes.add([f"session opened for user {name} by root" for name in ("ana", "10", "ben")])
    assert shapes.result().shapes[0].count == 3
    assert shapes.result() == shapes.result()


WORDS = st.sampled_from(
    ["cart", "lost", "7", "10.0.0.7", "ERROR", "[main]", "user=ana", "user=ben", "a/b/c", "-", "x1y2", "ana", "ben"]
)
LINES = st.lists(st.lists(WORDS, max_size=7).map(" ".join), max_size=60)


@given(LINES, st.lists(st.integers(1, 20), max_size=20), st.sampled_from([3, 8, 10_000]))
def test_the_cut_into_pieces_does_not_matter(lines, sizes, limit):
    whole, pieces = Shapes(limit), Shapes(limit)
    whole.add(lines)
    rest = lines
    for size in [*sizes, len(lines) or 1]:
        pieces.add(rest[:size])
        rest = rest[size:]
    result = whole.result()
    assert result == pieces.result()
    assert sum(one.count for one in result.shapes) + (result.other.count if result.other else 0) == len(lines)
    assert len(result.shapes) <= limit


@given(LINES, st.randoms())
def test_the_order_of_lines_does_not_matter(lines, chance):
    mixed = list(lines)
    chance.shuffle(mixed)
    assert dict(zip(lines, groups(lines), strict=True)) == dict(zip(mixed, groups(mixed), strict=True))


@settings(max_examples=300)
@given(st.lists(st.text(st.characters(), max_size=60), max_size=30))
def test_no_text_raises(lines):
    shapes = Shapes(limit=5)
    shapes.add(lines)
    assert shapes.result().lines == len(lines) == len(groups(lines))


def test_lone_surrogates_newlines_and_signs_inside():
    assert len(groups(["a\ud800b", "a\nb", "\x01 \x00 \u202e", ""])) == 4


@pytest.mark.parametrize(
    "unit", ["a", "0a", "a.", "0-", "=a", "a/", "[", "(*) ", "*a", "aA", "a@", "a_", "INFO ", "a - ", "a: ", "[a] "]
)
def test_a_hostile_line_takes_linear_time(unit):
    def cost(length: int) -> float:
        line = "2026-11-20 10:31:07 " + unit * (length // len(unit))
        best = 9.0
        for _ in range(3):
            begun = time.process_time()
            shape(line)
            best = min(best, time.process_time() - begun)
        return best

    assert cost(2_000) < 0.05
    assert cost(10_000_000) < 0.5  # only its beginning shapes it


def test_a_million_shapes_are_bounded_and_counted():
    chance = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    shapes = Shapes(limit=500)
    lines = [" ".join("".join(chance.choices(letters, k=6)) for _ in range(3)) for _ in range(5_000)]
    shapes.add(lines)
    result = shapes.result()
    assert len(result.shapes) == 500
    assert result.other and (result.other.text, result.other.count) == (OTHER, 4_500)


def test_making_room_merges_what_differs_in_one_word():
    shapes = Shapes(limit=100)
    lines = [f"login of user {chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)} failed here" for i in range(3_000)]
    shapes.add([*lines, "disk is full"])
    result = shapes.result()
    assert {(one.text, one.count) for one in result.shapes} == {("login of user * failed here", 3_000), ("disk is full", 1)}
    assert result.other is None


def test_merging_depends_on_the_set_alone():
    texts = [f"open file {name} for reading now" for name in ("a", "b", "c")] + ["something else"]
    assert merge(texts) == merge(reversed(texts))
    assert merge([]) == {}


def patterns(counts: dict[str, int]):
    shapes = Shapes()
    shapes.add([line for line, count in counts.items() for _ in range(count)])
    return shapes.result()


def test_a_window_is_compared_with_its_baseline():
    window = patterns({"connection refused by db": 40, "request served": 1_000, "cache miss": 300, "reloaded": 1})
    baseline = patterns({"request served": 11_000, "cache miss": 400, "backup done well": 900, "user left": 30})
    found = {item.text: item for item in compare(window, baseline, 300, 3_600)}
    assert {text: item.kind for text, item in found.items()} == {
        "connection refused by db": "new", "cache miss": "spiking", "backup done well": "vanished", "reloaded": "rare",
    }  # fmt: skip
    assert found["cache miss"].ratio == pytest.approx(9, rel=0.01)
    assert found["connection refused by db"].doubt < 1e-9
    assert found["reloaded"].baseline == 0


def test_small_counts_prove_nothing():
    assert compare(patterns({"slow": 4}), patterns({"slow": 20}), 300, 3_600) == ()
    assert compare(patterns({}), patterns({"now and then": 3}), 300, 3_600) == ()
    assert compare(patterns({}), patterns({}), 0, 0) == ()


def test_with_many_shapes_one_must_be_surer():
    spike, calm = {"slow answer": 12}, {f"{chr(97 + i % 26)}{chr(97 + i // 26)} done": 5 for i in range(100)}
    before = {"slow answer": 2}
    assert [item.kind for item in compare(patterns(spike), patterns(before), 300, 300)] == ["spiking"]
    assert compare(patterns(spike | calm), patterns(before | calm), 300, 300) == ()


def test_a_shape_is_found_again_when_one_side_saw_more_values():
    window = patterns({f"session opened for user {name} by root": 1 for name in ("ana", "ben", "cora", "dan")})
    baseline = patterns({"session opened for user eve by root": 40})
    assert compare(window, baseline, 300, 3_600) == ()

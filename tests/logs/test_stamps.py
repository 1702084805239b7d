"""The reader of one source: what it learns, what it assumes and says, and that learning changes no result."""

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.logs.stamps import StampReader

NOW = datetime(2026, 11, 20, 10, 32, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
_DATA = (Path(__file__).parent / "stamps.txt").read_text(encoding="utf-8").replace("\\e", "\x1b")
LINES = [line.split(" | ", 1)[1] for line in _DATA.splitlines() if line and not line.startswith("#")]


def texts(lines: list[str], **rules: tzinfo | datetime) -> list[str]:
    reader = StampReader(reference=NOW, **rules)  # type: ignore[arg-type]
    reader.learn(lines)
    return [f"{found:%m-%d %H:%M:%S}" if found else "-" for found in map(reader.at, lines)]


def test_zone_named_in_the_line_then_configured_then_the_host() -> None:
    line, named = "2026-11-20 10:31:07 x", "2026-11-20 10:31:07 +0500 x"
    assert texts([line, named], host_zone=BERLIN) == ["11-20 09:31:07", "11-20 05:31:07"]
    assert texts([line], zone=timezone(timedelta(hours=-3)), host_zone=BERLIN) == ["11-20 13:31:07"]


@pytest.mark.parametrize(
    ("line", "rules", "rule"),
    [
        ("2026-11-20T10:31:07Z x", {}, "line"),
        ("1795170667.412 x", {}, "format"),
        ("2026-11-20 10:31:07 x", {"zone": BERLIN}, "source"),
        ("2026-11-20 10:31:07 x", {"host_zone": BERLIN}, "host"),
    ],
)
def test_the_report_says_which_rule_gave_the_zone(line: str, rules: dict[str, tzinfo], rule: str) -> None:
    reader = StampReader(reference=NOW, **rules)  # type: ignore[arg-type]
    reader.at(line)
    assert reader.report().zone == rule
    found = reader.read(line)
    assert found is not None
    assert found.zone == rule


def test_day_and_month_are_told_apart_by_all_lines_of_the_source() -> None:
    german = ["03/04/2026 10:00:00 a", "04/04/2026 10:00:00 b", "13/04/2026 10:00:00 c"]
    american = ["03/04/2026 10:00:00 a", "03/05/2026 10:00:00 b", "03/13/2026 10:00:00 c"]
    assert [text[:5] for text in texts(german)] == ["04-03", "04-04", "04-13"]
    assert [text[:5] for text in texts(american)] == ["03-04", "03-05", "03-13"]


def test_day_and_month_are_told_apart_by_the_order_of_lines() -> None:
    assert [text[:5] for text in texts([f"{day:02}/10/2026 23:00:00 x" for day in range(1, 9)])] == [
        f"10-{d:02}" for d in range(1, 9)
    ]


def test_an_order_that_nothing_settles_is_said() -> None:
    reader = StampReader(reference=NOW)
    reader.at("03/04/2026 10:00:00 a")
    assert reader.report().assumed == ("order",)


def test_two_digits_of_a_year_first_as_java_writes() -> None:
    assert texts(["26/06/09 20:10:40 INFO x", "26/06/10 20:10:40 INFO x"]) == ["06-09 20:10:40", "06-10 20:10:40"]


def test_a_year_turns_between_december_and_january() -> None:
    reader = StampReader(reference=datetime(2026, 1, 3, tzinfo=UTC))
    found = [reader.at(f"{text} host x") for text in ("Dec 31 23:59:59", "Jan  1 00:00:01", "Jan  2 09:00:00")]
    assert [moment.year for moment in found if moment] == [2025, 2026, 2026]
    assert reader.report().backwards == 0
    assert "year" in reader.report().assumed


def test_times_that_go_backwards_are_kept_and_counted() -> None:
    reader = StampReader(reference=NOW)
    found = [reader.at(f"2026-11-20T10:31:{second:02}Z x") for second in (5, 7, 6, 8)]
    assert [moment.second for moment in found if moment] == [5, 7, 6, 8]
    assert reader.report().backwards == 1


def test_a_time_of_day_takes_its_date_from_the_lines_before_and_turns_at_midnight() -> None:
    reader = StampReader(reference=NOW)
    lines = ["2026-11-18 22:00:00 session starts", "23:59:58 a", "00:00:02 b"]
    assert [f"{found:%d %H:%M:%S}" for line in lines if (found := reader.at(line))] == [
        "18 22:00:00",
        "18 23:59:58",
        "19 00:00:02",
    ]
    assert "date" in reader.report().assumed


def test_time_since_boot_needs_the_boot() -> None:
    line = "[   12.500000] usb 1-1: new device"
    assert StampReader(reference=NOW).seen(line) == (True, None)
    assert StampReader(reference=NOW, boot=NOW).at(line) == NOW + timedelta(seconds=12.5)


def test_w3c_extended_logs_are_in_utc() -> None:
    lines = [
        "#Software: Microsoft Internet Information Services 10.0",
        "#Fields: date time s-ip",
        "2026-11-20 10:31:07 10.0.0.1 GET /",
    ]
    assert texts(lines, zone=BERLIN)[2] == "11-20 10:31:07"


def test_dates_inside_messages_are_not_stamps_where_lines_begin_with_theirs() -> None:
    lines = [
        "2026-11-20T10:31:07Z ERROR no",
        "  2026-11-19 09:00:00 indented",
        "certificate until 2027-01-01 00:00:00 shown",
        "at 1 (x)",
    ]
    assert texts(lines) == ["11-20 10:31:07", "-", "-", "-"]


def test_stamps_behind_a_prefix_are_read_where_lines_have_no_other() -> None:
    assert texts([f"ERROR: apport (pid {n}) Fri Nov 20 10:31:0{n} 2026: called" for n in range(3)])[2] == "11-20 10:31:02"


def test_a_bare_number_is_no_epoch_among_dates() -> None:
    assert texts(["2026-11-20T10:31:07Z x", "1795170667 bytes"]) == ["11-20 10:31:07", "-"]


def test_bytes_and_text_are_read_alike_also_a_json_line_whose_time_stands_at_its_end() -> None:
    long = '{"log":"' + "x" * 100_000 + '","stream":"stdout","time":"2026-11-20T10:31:07.412Z"}'
    reader = StampReader(reference=NOW)
    assert reader.at(long) == reader.at(long.encode()) == datetime(2026, 11, 20, 10, 31, 7, 412_000, tzinfo=UTC)


def _lines(form: str, moments: list[datetime], tails: list[str]) -> list[str]:
    return [moment.strftime(form) + tail for moment, tail in zip(moments, tails, strict=False)]


_FORMS = """
%Y-%m-%dT%H:%M:%S.%fZ
%Y-%m-%d %H:%M:%S,123
%Y-%m-%d %H:%M:%S
%Y-%m-%d %H:%M:%S +0100
%Y/%m/%d %H:%M:%S
10.0.0.1 - - [%d/%b/%Y:%H:%M:%S +0000]
%b %d %H:%M:%S
<34>%b %d %H:%M:%S
[%a %b %d %H:%M:%S.%f %Y]
%a %b %d %H:%M:%S %Y
%m/%d/%Y %I:%M:%S %p
%m/%d/%Y %H:%M:%S
%d.%m.%Y %H:%M:%S
%d-%b-%Y %H:%M:%S.123
%b %d, %Y %I:%M:%S %p
%Y%m%dT%H%M%S
I%m%d %H:%M:%S.%f
{"level":"info","time":"%Y-%m-%dT%H:%M:%SZ","msg":"
level=info ts=%Y-%m-%dT%H:%M:%S.%fZ
1%y5170667.412
type=SYSCALL msg=audit(1%y5170667.412:1)""".strip().splitlines()
_TAILS = st.sampled_from(
    [
        " x",
        " host sshd[1]: no",
        " UTC x",
        " CST x",
        " PM",
        " 2024 x",
        " 12",
        ".5 x",
        ":5",
        ",412 x",
        "Z",
        " -0500",
        "",
        " (x)",
        " at",
        "] [error]",
        " Z",
    ]
)


@given(
    st.sampled_from(_FORMS),
    st.lists(st.datetimes(datetime(2019, 1, 1), datetime(2026, 11, 20)), min_size=3, max_size=30).map(sorted),
    st.lists(_TAILS, min_size=30, max_size=30),
    st.sampled_from([UTC, BERLIN]),
)
def test_what_is_learned_reads_as_cold(form: str, moments: list[datetime], tails: list[str], zone: tzinfo) -> None:
    lines = _lines(form, moments, tails)
    learned = StampReader(zone=zone, reference=NOW)
    learned.learn(lines)
    cold = StampReader(zone=zone, reference=NOW)
    cold.learn(lines)
    for line in lines:
        cold._places.clear()
        assert learned.at(line) == cold.at(line), line


@given(st.lists(st.sampled_from(LINES) | st.text(max_size=80), max_size=40), st.booleans())
def test_any_mixture_is_read_without_raising_and_in_utc(lines: list[str], sample: bool) -> None:
    reader = StampReader(zone=BERLIN, reference=NOW)
    if sample:
        reader.learn(lines)
    for line in lines:
        has, found = reader.seen(line)
        assert found is None or (has and found.utcoffset() == timedelta(0))
        reader.read(line)
    report = reader.report()
    assert report.stamped + report.unstamped == len(lines)


def test_a_learned_source_is_read_several_times_faster_than_cold() -> None:
    lines = [f"2026-11-20 10:31:{n % 60:02d},{n % 1000:03d} INFO app: request {n}" for n in range(4_000)]
    learned, cold = StampReader(reference=NOW), StampReader(reference=NOW)
    began = time.process_time()
    for line in lines:
        learned.at(line)
    middle = time.process_time()
    for line in lines:
        cold._places.clear()
        cold.at(line)
    assert (time.process_time() - middle) > 2 * (middle - began)


@pytest.mark.parametrize(
    "piece",
    ["1", "10:", "2026-11-20 ", "Nov ", "[", '{"time":', '{"a', " ", "\x1b[0m", "20/Nov/2026:", "at x(", "key=", 'a="', "é"],
)
def test_hostile_lines_cost_a_bounded_head_everywhere(piece: str) -> None:
    from mcp_server.logs.encoding import detect
    from mcp_server.logs.fields import fields_of
    from mcp_server.logs.severity import level_of

    line = piece * (2_000_000 // len(piece))
    reader = StampReader(reference=NOW)
    reader.learn(
        ["2026-11-20T10:31:07Z INFO x", '{"time":"2026-11-20T10:31:07Z"}', "10.0.0.1 - - [20/Nov/2026:10:31:07 +0000] x"]
    )
    began = time.process_time()
    for _ in range(5):
        reader.seen(line)
        reader.read(line)
        level_of(line[:65_536])
        fields_of(line)
        detect(line.encode())
    assert time.process_time() - began < 5

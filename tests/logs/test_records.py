"""Lines become records: whole, bounded, with the level they state."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.logs.records import MAX_LINE, MAX_LINES, MAX_RECORD, Record, level_of, records_of, split
from mcp_server.logs.stamps import StampReader

NOW = datetime(2026, 11, 20, 10, 32, tzinfo=UTC)
TRACE = """Traceback (most recent call last):
  File "/srv/shop/wsgi.py", line 3, in <module>
    import stripe

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/shop/a.py", line 1, in <module>
ModuleNotFoundError: No module named 'stripe'"""


def test_a_trace_belongs_to_the_line_that_logged_it() -> None:
    text = f"2026-11-20 10:31:00,1 ERROR shop: no\n{TRACE}\n2026-11-20 10:31:01,1 INFO shop: on\n"
    records = split(text, zone=UTC, reference=NOW).records
    assert [(item.level, item.text.count("\n")) for item in records] == [("error", 9), ("info", 0)]
    assert records[0].text.endswith("No module named 'stripe'")


def test_a_trace_stays_whole_in_a_log_without_times() -> None:
    text = f"starting\n{TRACE}\nstopped\n"
    records = split(text, reference=NOW).records
    assert [item.text.split("\n")[0] for item in records] == ["starting", "Traceback (most recent call last):", "stopped"]
    assert all(item.at is None for item in records)


def test_the_half_first_line_is_dropped_and_kept_apart() -> None:
    found = split("ret=hunter2\n2026-11-20T10:31:00Z INFO on\n", starts_inside=True, reference=NOW)
    assert found.head == "ret=hunter2"
    assert [item.text for item in found.records] == ["2026-11-20T10:31:00Z INFO on"]


def test_times_without_a_zone_are_said() -> None:
    assert split("2026-11-20 10:31:00 x", zone=UTC, reference=NOW).local_times
    assert not split("2026-11-20T10:31:00Z x", reference=NOW).local_times


def test_a_line_of_ten_megabytes_is_bounded_and_marked() -> None:
    began = time.monotonic()
    (record,) = split("2026-11-20T10:31:00Z ERROR " + "x" * 10_000_000, reference=NOW).records
    assert len(record.text) < MAX_LINE + 100
    assert record.cut
    assert record.level == "error"
    assert "more)" in record.text
    assert time.monotonic() - began < 5


def test_a_record_without_end_is_divided() -> None:
    records = split("2026-11-20T10:31:00Z ERROR a\n" + " b\n" * (3 * MAX_LINES), reference=NOW).records
    assert len(records) >= 3
    assert all(item.text.count("\n") < MAX_LINES for item in records)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026/11/20 10:30:58 [emerg] 1#1: bind() failed", "critical"),
        ("[Fri Nov 20 10:31:07 2026] [core:error] no", "error"),
        ("2026-11-20 10:31:07,412 WARNING shop: no", "warning"),
        ('{"level":"fatal","msg":"no"}', "critical"),
        ("time=x level=warn msg=no", "warning"),
        ("ERROR: no", "error"),
        ('1.2.3.4 - - [20/Nov/2026:10:31:07 +0000] "GET / HTTP/1.1" 502 157 "-" "x"', "error"),
        ('1.2.3.4 - - [20/Nov/2026:10:31:07 +0000] "GET /?x=[error] HTTP/1.1" 200 157 "-" "FATAL x"', "info"),
        ("shop: errors are described in the manual", None),
        ("kernel: Out of memory: Killed process 12 (python)", "error"),
        (TRACE, "error"),
    ],
)
def test_levels(line: str, level: str | None) -> None:
    assert level_of(line) == level


@given(
    st.text(alphabet=st.sampled_from("a \n\r\t{[<\"'0:12-/T,\0\x1b\u202e\u2028\ud800ErORTraceback("), max_size=800),
    st.booleans(),
)
def test_never_raises_and_stays_bounded(text: str, inside: bool) -> None:
    found = split(text, starts_inside=inside, zone=UTC, reference=NOW)
    assert all(isinstance(item, Record) and 0 < len(item.text) <= MAX_RECORD for item in found.records)
    kept = sum(len(item.text) for item in found.records)
    assert kept <= len(text)
    if not inside:  # nothing but line ends and blank lines between records is lost
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        assert [line for line in lines if line] == [line for item in found.records for line in item.text.split("\n") if line]


@pytest.mark.parametrize(
    "piece", ["[", '"', "'", " ", "level=", "ERROR", '\\"', "2026-", "(", "Traceback (\n", 'File "/', ', upstream: "']
)
def test_hostile_repetition_takes_linear_time(piece: str) -> None:
    from mcp_server.logs.errors import recognise
    from mcp_server.logs.shapes import frames, shape
    from mcp_server.logs.troubles import load

    began = time.monotonic()
    for record in split(piece * (400_000 // len(piece)), reference=NOW).records[:200]:
        shape(record)
        frames(record.text)
        recognise(load(), record)
    assert time.monotonic() - began < 5


_TRACES = dict(
    block.split("\n", 1)
    for block in (Path(__file__).parent / "traces.txt").read_text(encoding="utf-8").removesuffix("\n").split("=== ")[1:]
)
TRACES = {name: text.removesuffix("\n") for name, text in _TRACES.items()}


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_of_any_language_stays_whole_below_a_stamped_line(name: str) -> None:
    text = f"2026-11-20T10:31:00Z ERROR no\n{TRACES[name]}\n2026-11-20T10:31:01Z INFO on\n"
    records = split(text, zone=UTC, reference=NOW).records
    assert [item.text for item in records] == [f"2026-11-20T10:31:00Z ERROR no\n{TRACES[name]}", "2026-11-20T10:31:01Z INFO on"]


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_of_any_language_stays_whole_in_a_log_without_times(name: str) -> None:
    records = split(f"starting\n{TRACES[name]}\nstopped here\n", reference=NOW).records
    assert [item.text for item in records] == ["starting", TRACES[name], "stopped here"]
    assert records[1].level in ("error", "critical")


@pytest.mark.parametrize("name", ["python", "java", "node", "ruby", "dotnet"])
@pytest.mark.parametrize("carrier", ["2026-11-20T10:31:07.412345678Z stderr F ", "Nov 20 10:31:07 host shop[12]: "])
def test_a_trace_that_a_carrier_stamped_line_by_line_is_one_record(name: str, carrier: str) -> None:
    lines = [f"{carrier}before", *(carrier + line for line in TRACES[name].split("\n")), f"{carrier}after this"]
    records = split("\n".join(lines), zone=UTC, reference=NOW).records
    assert [item.text.count("\n") for item in records] == [0, len(lines) - 3, 0]


def test_what_a_database_adds_to_an_error_belongs_to_it() -> None:
    text = (
        "2026-11-20 10:31:07.412 UTC [12] ERROR:  duplicate key value\n"
        "2026-11-20 10:31:07.412 UTC [12] DETAIL:  Key (id)=(1) already exists.\n"
        "2026-11-20 10:31:07.412 UTC [12] STATEMENT:  insert into t\n\tvalues (1)\n"
        "2026-11-20 10:31:08.412 UTC [12] LOG:  checkpoint starting: time\n"
    )
    records = split(text, reference=NOW).records
    assert [(item.level, item.text.count("\n")) for item in records] == [("error", 3), ("info", 0)]


def test_records_stream_and_name_their_first_line_and_times_that_go_backwards() -> None:
    lines = ["2026-11-20T10:31:05Z a", " b", "2026-11-20T10:31:04Z c", "2026-11-20T10:31:06Z d"]
    records = list(records_of(iter(lines), StampReader(reference=NOW)))
    assert [(item.line, item.backwards) for item in records] == [(0, False), (2, True), (3, False)]
    assert records[1].at == datetime(2026, 11, 20, 10, 31, 4, tzinfo=UTC)


def test_lines_since_boot_are_records_without_an_instant() -> None:
    records = split("[    1.000000] a\n[    2.000000] b\n", reference=NOW).records
    assert [(item.text, item.at) for item in records] == [("[    1.000000] a", None), ("[    2.000000] b", None)]


@pytest.mark.parametrize("gap", [" ", "  ", "   "])
def test_levels_behind_more_than_one_blank_begin_records(gap: str) -> None:
    text = "\n".join(f"2026-11-20T10:31:0{n}.412Z{gap}INFO 1 --- [main] c.s.App : line {n}" for n in range(4))
    assert len(split(text, reference=NOW).records) == 4


def test_lines_of_two_programs_in_one_syslog_are_not_mixed() -> None:
    text = 'Nov 20 10:31:07 host a[1]: Traceback (most recent call last):\nNov 20 10:31:07 host b[2]:   File "x", line 1'
    assert len(split(text, zone=UTC, reference=NOW).records) == 2


def test_what_another_process_adds_is_no_part_of_an_error() -> None:
    text = "2026-11-20 10:31:07 UTC [12] ERROR:  no\n2026-11-20 10:31:07 UTC [13] STATEMENT:  select 1\n"
    assert len(split(text, reference=NOW).records) == 2

"""Lines that a runtime stamped one by one become the records that the program wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.logs.carried import carried

T = b"2026-11-20T10:31:07."


def lines(*messages: str, start: int = 100_000_000) -> list[bytes]:
    return [b"%s%09dZ %s\n" % (T, start + number, message.encode()) for number, message in enumerate(messages)]


def said(found: list[bytes]) -> list[list[str]]:
    return [[line.decode() for line in record] for _, _, record in carried(found)]


def test_a_trace_is_one_record() -> None:
    trace = [
        "ERROR checkout failed", "Traceback (most recent call last):", '  File "/app/shop.py", line 3, in pay', "    raise X",
        "KeyError: 'SMTP_HOST'",
    ]  # fmt: skip
    assert said(lines("ready", *trace, "GET / 200")) == [["ready"], trace, ["GET / 200"]]


def test_java_and_go() -> None:
    java = ["Exception in thread main java.lang.X: no", "\tat shop.Pay.run(Pay.java:3)", "Caused by: java.io.IOException: gone"]
    go = ["panic: runtime error", "", "goroutine 1 [running]:", "main.main()", "\t/app/main.go:7 +0x1d"]
    assert said(lines("up", *java)) == [["up"], java]
    assert said(lines(*go))[0][0] == "panic: runtime error"


def test_a_long_pause_ends_a_record() -> None:
    first, second = lines("ERROR x"), [b"2026-11-20T10:32:07.000000000Z     at shop.Pay.run(Pay.java:3)\n"]
    assert len(said([*first, *second])) == 2


@pytest.mark.parametrize(
    ("stamp", "nanoseconds"),
    [
        (b"2026-11-20T10:31:07Z", 1_795_170_667_000_000_000),
        (b"2026-11-20T10:31:07.5Z", 1_795_170_667_500_000_000),
        (b"2026-11-20T12:31:07.123456789+02:00", 1_795_170_667_123_456_789),
        (b"2026-13-20T12:31:07Z", 0),
    ],
)
def test_stamps_as_runtimes_write_them(stamp: bytes, nanoseconds: int) -> None:
    ((key, kept, record),) = carried([stamp + b" hello\r\n"])
    assert (key, kept, record) == (nanoseconds, stamp, [b"hello"])


@given(st.lists(st.binary(max_size=40)))
def test_nothing_is_lost_whatever_was_written(messages: list[bytes]) -> None:
    given_lines = [b"%s%09dZ %s" % (T, number, message.strip(b"\r\n")) for number, message in enumerate(messages)]
    assert [line for _, _, record in carried(given_lines) for line in record] == [m.strip(b"\r\n") for m in messages]

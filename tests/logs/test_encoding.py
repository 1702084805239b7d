"""What bytes are: said, and read without loss where they are text."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.logs.encoding import SAMPLE, detect, text_of

LINE = "2026-11-20 10:31:07 Größe überschritten: naïve façade\r\n"


@pytest.mark.parametrize(
    ("codec", "mark", "name"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8"),
        ("utf-16-le", b"\xff\xfe", "utf-16-le"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("latin-1", b"", "latin-1"),
    ],
)
def test_text_comes_back_whole(codec: str, mark: bytes, name: str) -> None:
    data = mark + (LINE * 40).encode(codec)
    found = detect(data)
    assert (found.name, found.mark) == (name, len(mark))
    assert found.decode(data[found.mark :]) == LINE * 40
    assert bool(found.said) == (name != "utf-8")


def test_windows_1252() -> None:
    data = "Dienst „Spooler“ – Größe 5 €\r\n".encode("cp1252") * 20
    found = detect(data)
    assert found.name == "cp1252"
    assert "€" in found.decode(data)


def test_damaged_utf_8_is_said_and_survived() -> None:
    data = ("Größe überschritten\n" * 50).encode() + b"\xff\xc3 broken\n"
    found = detect(data)
    assert found.name == "utf-8"
    assert found.said == "UTF-8 with 2 damaged bytes"
    assert found.decode(data).endswith("\ufffd\ufffd broken\n")


def test_a_sample_that_ends_within_a_character_is_not_damaged() -> None:
    assert detect(b"a" * (SAMPLE - 1) + "é".encode()).said == ""


def test_a_hole_of_nuls_is_a_log_still() -> None:
    found = detect(b"\0" * 4096 + b"2026-11-20 10:31:07 started again\n" * 200)
    assert (found.name, found.said) == ("utf-8", "with NUL bytes")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(b"x" * 100), "gzip data, no text"),
        (b"LPKSHHRH" + b"\0" * 200, "a systemd journal file, no text"),
        (b"ElfFile\0" + b"\0" * 200, "a Windows event log (evtx), no text"),
        ((b"\x07\0\0\0\x93\x02\0\0pts/0" + b"\0" * 371) * 10, "binary data, no text"),
        (b"\0" * 1000, "nothing but NUL bytes"),
        (bytes(range(256)) * 20, "binary data, no text"),
    ],
)
def test_what_is_no_text_is_said_with_a_remedy(data: bytes, said: str) -> None:
    found = detect(data)
    assert found.name is None
    assert found.said == said
    assert found.remedy


@given(st.binary(max_size=400))
def test_never_raises(data: bytes) -> None:
    found = detect(data)
    assert isinstance(found.decode(data), str)
    assert found.line_end in (b"\n", b"\n\0", b"\0\n", b"\n\0\0\0", b"\0\0\0\n")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("größe".encode(), "größe"),
        ("größe".encode("latin-1"), "größe"),
        ("“größe” 5 €".encode("cp1252"), "“größe” 5 €"),
        ("größe".encode() + b"\xff", "größe\ufffd"),
    ],
)
def test_the_text_of_a_record(data: bytes, text: str) -> None:
    assert text_of(data) == text

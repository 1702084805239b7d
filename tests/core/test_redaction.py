"""Redaction: what must go, what must stay, and that nothing makes it slow or unstable."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.redaction import Redactor

REDACTOR = Redactor(b"test")

SECRET_LINES = {
    "url": ("DATABASE_URL=postgres://shop:hunter2secret@db:5432/shop", "hunter2secret"),
    "env": ('export SMTP_PASSWORD="correct horse"', "correct horse"),
    "yaml": ("  db_password: s3cr3tvalue", "s3cr3tvalue"),
    "json": ('{"user": "a", "apiKey": "abc123def456"}', "abc123def456"),
    "header": ("Authorization: Bearer abcdefghijklmnop123456", "abcdefghijklmnop123456"),
    "basic": ("authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
    "cookie": ("Set-Cookie: session=1234567890abcdef; HttpOnly", "1234567890abcdef"),
    "aws": ("using AKIAIOSFODNN7EXAMPLE for upload", "AKIAIOSFODNN7EXAMPLE"),
    "github": ("remote: ghp_" + "a1B2" * 9, "ghp_"),
    "jwt": ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_DEF-123", "eyJzdWIi"),
    "flag": ("mysqldump --password Passw0rdX shop", "Passw0rdX"),
    "flag equals": ("mysqldump --password=Passw0rdX shop", "Passw0rdX"),
    "curl": ("curl -u admin:opensesame http://x/", "opensesame"),
    "xml": ("<password>topsecret9</password>", "topsecret9"),
    "key": ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\ndef==\n-----END RSA PRIVATE KEY-----", "MIIEabc"),
    "key cut off": ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nQyNTUxOQ", "QyNTUxOQ"),
}

HARMLESS = [
    "commit 6313605c1f0e8a3f3f2e1d0c9b8a7f6e5d4c3b2a",
    "image sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a pulled",
    "request 550e8400-e29b-41d4-a716-446655440000 took 12 ms",
    "2026/11/20 10:30:58 [error] 31#31: *5 connect() failed (111: Connection refused) while connecting to upstream",
    "password authentication failed for user shop",
    "key buffer size is 8388608",
    "GET http://127.0.0.1:8080/health 200",
    "token expired",
    "password=${DB_PASSWORD}",
    "sshd[1]: Accepted publickey for deploy from 10.0.0.1 port 5000 ssh2",
]


@pytest.mark.parametrize("name", SECRET_LINES)
def test_a_secret_is_replaced_and_the_rest_stays(name: str) -> None:
    line, secret = SECRET_LINES[name]
    clean = REDACTOR.text(line)
    assert secret not in clean
    assert "‹secret:" in clean


@pytest.mark.parametrize("line", HARMLESS)
def test_harmless_lines_are_not_touched(line: str) -> None:
    assert REDACTOR.text(line) == line


def test_the_same_secret_has_the_same_tag_here_and_another_elsewhere() -> None:
    first, second = REDACTOR.text("password=abc123xyz"), REDACTOR.text("db_password: abc123xyz")
    assert first.split("‹")[1] == second.split("‹")[1]
    assert Redactor(b"other").text("password=abc123xyz") != first


def test_data_under_a_telling_key_and_after_a_flag() -> None:
    data = {"argv": ["mysql", "--password", "abc123"], "env": {"API_TOKEN": "zzz", "PATH": "/bin"}, "n": [1, None, True]}
    assert REDACTOR.data(data)["n"] == [1, None, True]
    text = str(REDACTOR.data(data))
    assert "abc123" not in text
    assert "zzz" not in text
    assert "/bin" in text


@given(st.text(max_size=300))
def test_any_text_survives_and_twice_is_once(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


WORDS = st.sampled_from(
    ["password", "=", ": ", '"', "'", "token", "://", "@", ":", "eyJ", ".", "-u ", "a" * 20, "\n", "‹", "›", "<", ">", "x1Y2"]
)


@given(st.lists(WORDS, max_size=30).map("".join))
def test_texts_made_of_telling_pieces_are_stable(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


@pytest.mark.parametrize(
    "piece", ["a", "password", "eyJ-", "-----BEGIN ", 'password="', "https://a:", "-u a:", "x=", "LS0tLS1CRUdJTi "]
)
def test_a_huge_hostile_line_costs_time_in_proportion(piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        started = time.perf_counter()
        REDACTOR.text(text)
        return time.perf_counter() - started

    small, large = max(seconds(50_000), 0.002), seconds(400_000)
    assert large < small * 30  # eight times the text; a quadratic rule would take sixty-four times

"""Redaction: what must go, what must stay, and that nothing makes it slow or unstable."""

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mcp_server.core.redaction import TAG, Redactor
from mcp_server.core.secret_names import weight
from mcp_server.core.secret_shapes import BEGINNINGS
from mcp_server.core.secret_tokens import dull

REDACTOR = Redactor(b"test")
CASES = json.loads(Path(__file__).with_name("redaction_cases.json").read_text(encoding="utf8"))

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


@pytest.mark.parametrize("case", CASES["secrets"], ids=lambda case: case["text"][:40])
def test_the_whole_secret_of_a_case_is_gone(case: dict[str, str]) -> None:
    clean = REDACTOR.text(case["text"])
    assert case["secret"] not in clean
    assert TAG.search(clean)
    assert REDACTOR.text(clean) == clean
    assert REDACTOR.text("line before\n" + case["text"] + "\nline after").count(case["secret"]) == 0


@pytest.mark.parametrize("text", CASES["harmless"], ids=lambda text: text[:40])
def test_a_harmless_case_is_the_same_object(text: str) -> None:
    assert REDACTOR.text(text) is text


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_token_of_every_shape_vanishes_wholly(data: st.DataObject) -> None:
    beginning = data.draw(st.sampled_from(sorted(BEGINNINGS)))
    # a bounded copy of the shape: the upper bounds only make the examples long
    shape = re.sub(r"\{(\d+),\d{3,}\}", lambda bounds: f"{{{bounds[1]},{int(bounds[1]) + 9}}}", BEGINNINGS[beginning])
    pattern = re.compile(re.escape(beginning) + f"(?:{shape})", re.ASCII)
    token = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=st.characters(max_codepoint=127)))
    assume(not dull(token[len(beginning) :]))
    clean = REDACTOR.text(f"2026-11-20 used {token} for it")
    assert token not in clean
    assert clean.endswith(" for it")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DB_PASSWORD", "password"), ("mysqlPassword", "password"), ("PGPASSWORD", "password"), ("db.pass", "password"),
        ("clientSecret", "secret"), ("API-KEY", "secret"), ("x_vault_token", "secret"), ("secret_id", "secret"),
        ("AccountKey", "secret"), ("key", "hint"), ("password_file", None), ("tokenType", None), ("max_tokens", None),
        ("primary_key", None), ("bypass", None), ("author", None), ("compass", None), ("tokenizer", None),
    ],
)  # fmt: skip
def test_a_name_tells_what_its_value_is(name: str, expected: str | None) -> None:
    assert weight(name) == expected


def test_certificates_stay_and_wrapped_private_keys_go() -> None:
    def wrapped(kind: str) -> str:
        return base64.b64encode(f"-----BEGIN {kind}-----\nMIIEvQIBADANabcdef\n-----END {kind}-----\n".encode()).decode()

    certificate, key = wrapped("CERTIFICATE"), wrapped("PRIVATE KEY")
    text = (
        f"certificate-authority-data: {certificate}\nclient-key-data: {key}\ntwice: {base64.b64encode(key.encode()).decode()}\n"
    )
    clean = REDACTOR.text(text)
    assert certificate in clean
    assert key not in clean
    assert len(TAG.findall(clean)) == 2


def test_a_config_map_beside_a_secret_stays() -> None:
    text = "kind: ConfigMap\ndata:\n  color: blue\n---\nkind: Secret\ndata:\n  color: Ymx1ZQ==\n"
    text += "---\nkind: ConfigMap\ndata:\n  size: big\n"
    clean = REDACTOR.text(text)
    assert "blue" in clean
    assert "big" in clean
    assert "Ymx1ZQ" not in clean


@pytest.mark.parametrize(
    ("data", "gone", "stays"),
    [
        ({"kind": "Secret", "data": {"plain": "Zm9v"}, "metadata": {"name": "shop"}}, "Zm9v", "shop"),
        ({"name": "DB_PASSWORD", "value": "hunter2"}, "hunter2", "DB_PASSWORD"),
        ({"argv": ["curl", "-u", "bob:hunter2", "http://x/"]}, "hunter2", "bob"),
        ({"argv": ["mysql", "--password", "hunter2", "shop"]}, "hunter2", "shop"),
        ({"argv": ["mysql", "--password=hunter2", "shop"]}, "hunter2", "shop"),
        ({"env": {"PGPASSWORD": "zz"}}, "'zz'", "PGPASSWORD"),
        ({"password": 123456}, "123456", "password"),
        ({"body": json.dumps({"inner": json.dumps({"token": "abc123def456"})})}, "abc123def456", "inner"),
        ({"auths": {"reg": {"auth": "Ym9iOmh1bnRlcjI="}}}, "Ym9i", "reg"),
        ([("password", "hunter2"), {"user": "bob"}], "hunter2", "bob"),
        ({"ghp_" + "a1B2" * 9: 1}, "a1B2a1B2", "1"),
    ],
)
def test_data_loses_its_secrets_and_nothing_else(data: Any, gone: str, stays: str) -> None:
    clean = REDACTOR.data(data)
    assert gone not in str(clean)
    assert stays in str(clean)
    assert REDACTOR.data(clean) == clean


def test_mail_and_addresses_go_only_where_the_house_wants_it() -> None:
    text = "login of bob@example.org from 10.1.2.3 and 2001:db8::1 to 127.0.0.1 at 10:30:58"
    assert REDACTOR.text(text) is text
    clean = Redactor(b"test", emails=True, addresses=True).text(text)
    assert "bob" not in clean
    assert "10.1.2.3" not in clean
    assert "2001" not in clean
    assert clean.endswith(" to 127.0.0.1 at 10:30:58")


def test_what_does_not_come_to_rest_is_not_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redactor, "_replaced", lambda self, text, found: text + "!")
    with pytest.raises(ValueError, match="rest"):
        REDACTOR.text("password=hunter2")


@given(st.text(max_size=300))
def test_any_text_survives_and_twice_is_once(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


WORDS = st.sampled_from(
    [
        "password",
        "=",
        ": ",
        '"',
        "'",
        "token",
        "://",
        "@",
        ":",
        "eyJ",
        ".",
        "-u ",
        "a" * 20,
        "\n",
        "‹",
        "›",
        "<",
        ">",
        "x1Y2",
        "\\",
        '\\"',
        ",",
        "{",
        "}",
        "|\n",
        "  ",
        "kind: Secret\n",
        "data:\n",
        "-----BEGIN PRIVATE KEY-----",
        "curl ",
        "&",
        ";",
        "-----END PRIVATE KEY-----",
        "‹secret:abcdef›",
        "Cookie",
        "authorization",
        "login ",
        "'1aB2c3D4e5F6g7H8'",
        "$6$",
        "İ",
        "ghp_",
        "a1B2" * 9,
        "pass:",
        "--",
        "</",
        "value",
        "%3D",
        "&quot;",
        "\x1b[0m",
        "LS0tLS1CRUdJTi",
        "Secret",
        "CUI//SP-CTI",
        "SECRET//NOFORN",
        "(S//NF)",
        "\n\n",
        "(",
        ")",
    ]
)


@given(st.lists(WORDS, max_size=30).map("".join))
def test_texts_made_of_telling_pieces_are_stable(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


HOSTILE = [
    "CUI//SP-CTI ", "SECRET//", "SECRET//SI/",
    "a", "password", "eyJ-", "eyJ.", "-----BEGIN ", 'password="', "https://a:", "-u a:", "x=", "LS0tLS1CRUdJTi ",
    "LS0tLS1CRUdJTi",
    "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n", "kind: Secret\n", " kind: Secret\ndata:\n",
    '"kind":"Secret"',
    '"data":{', "{", "\\", '\\"', "<password>", "<password ", "password,", "a:b@tcp(", "mysql ", "login x password ", "token=&",
    "token=;a", "token=,", "sk-a", "eyJrIjoi", "$6$", "a.", "curl -u '", "password: |\n", "MIIEpAIBAAKC", "Private-Lines: 1\n",
    "a:5432:", "password=‹secret:abcdef›", "authorization:", "cookie=", "_auth=", "pass:", "${", "<", "token[", "token: str = ",
    "\t",
    "name: password\nvalue ", "password%3D", "1:AA",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_huge_hostile_line_costs_time_in_proportion(piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        started = time.thread_time()
        REDACTOR.text(text)
        return time.thread_time() - started

    small, large = max(seconds(50_000), 0.01), min(seconds(400_000), seconds(400_000))
    assert large < small * 30  # eight times the text; a quadratic rule would take sixty-four times

"""The image by our own rule (11): pinned base, stages, no root, a health check, nothing copied that is not needed."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf8")
LINES = [line.strip() for line in re.sub(r"\\\n", " ", TEXT).splitlines() if line.strip() and not line.startswith("#")]


def test_the_base_is_pinned_to_a_release_and_the_build_has_stages() -> None:
    (base,) = re.findall(r"^ARG BASE=(\S+)$", TEXT, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    froms = [line for line in LINES if line.startswith("FROM ")]
    assert len(froms) == 2
    assert all("${BASE}" in line for line in froms)


def test_it_runs_as_nobody_in_particular_and_is_checked_by_a_real_call() -> None:
    (user,) = [line.split()[1] for line in LINES if line.startswith("USER ")]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    last_copy = max(index for index, line in enumerate(LINES) if line.startswith(("COPY", "RUN")))
    assert [line.split()[0] for line in LINES[last_copy + 1 :]] == ["USER", "WORKDIR", "VOLUME", "HEALTHCHECK", "ENTRYPOINT"]
    assert "verify.py" in next(line for line in LINES if line.startswith("HEALTHCHECK"))


def test_packages_come_by_hash_and_only_what_is_needed_is_copied() -> None:
    assert "--require-hashes" in TEXT
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf8").splitlines()
    assert ignored[0] == "*"
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {words[1] for line in LINES if (words := line.split())[0] == "COPY" and "--from" not in line}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
    assert not re.search(r"(?i)(password|token|secret)\s*=", TEXT)

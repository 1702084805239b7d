"""Every rule has a check that passes with its mechanism and fails without it."""

from pathlib import Path

import pytest

from tests.rules.checks import RULES


@pytest.mark.parametrize("number", sorted(RULES))
def test_rule(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check, _ = RULES[number]
    check(tmp_path, monkeypatch)


@pytest.mark.parametrize("number", sorted(RULES))
def test_the_check_fails_when_the_mechanism_is_switched_off(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, off = RULES[number]
    off(monkeypatch)
    with pytest.raises(AssertionError):
        check(tmp_path, monkeypatch)

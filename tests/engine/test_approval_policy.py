"""What an approval must be, by protection, risk and suspicion; and when what is there is enough. Every case is a row."""

from datetime import timedelta
from typing import Any, get_args

import pytest

from mcp_server.core.clock import now
from mcp_server.core.plan import Approval, Environment, Protection, Risk, Route
from mcp_server.engine.approval_policy import lacking, requirement


def environment(protection: Protection, **more: Any) -> Environment:
    return Environment(name="x", kind="systemd", protection=protection, **more)


def given(*routes: tuple[Route, str]) -> list[Approval]:
    moment = now()
    return [
        Approval(plan="P1", digest="a" * 64, approver=who, route=route, at=moment, expires=moment + timedelta(minutes=1))
        for route, who in routes
    ]


@pytest.mark.parametrize(
    ("protection", "risk", "more", "level"),
    [
        ("dev", "low", {}, 1), ("dev", "destructive", {}, 1), ("staging", "high", {}, 2), ("production", "low", {}, 3),
        ("production", "destructive", {}, 4), ("dev", "low", {"suspicious": True}, 2),
        ("staging", "low", {"suspicious": True}, 3), ("production", "low", {"suspicious": True}, 4),
        ("production", "destructive", {"suspicious": True}, 4), ("dev", "low", {"approvers": 2}, 4),
        ("dev", "low", {"protected": True}, 4),
    ],
)  # fmt: skip
def test_level(protection: Protection, risk: Risk, more: dict[str, Any], level: int) -> None:
    needed = requirement(environment(protection), risk, **more)
    assert needed.level == level
    assert needed.reasons


@pytest.mark.parametrize(
    ("protection", "risk", "routes", "enough"),
    [
        ("dev", "low", [("dialog", "ada")], True), ("dev", "low", [("terminal", "ada")], True), ("dev", "low", [], False),
        ("dev", "low", [("standing", "ada")], True), ("staging", "low", [("dialog", "ada")], False),
        ("staging", "low", [("terminal", "ada")], False), ("staging", "low", [("dialog", "a"), ("terminal", "a")], True),
        ("staging", "low", [("signature", "ada")], True), ("staging", "low", [("standing", "ada")], True),
        ("production", "low", [("dialog", "ada"), ("terminal", "ada")], False),
        ("production", "low", [("signature", "ada")], True), ("production", "low", [("standing", "ada")], True),
        ("production", "destructive", [("signature", "ada")], False),
        ("production", "destructive", [("signature", "ada"), ("signature", "ada")], False),
        ("production", "destructive", [("signature", "ada"), ("standing", "bob")], False),
        ("production", "destructive", [("signature", "ada"), ("terminal", "bob")], False),
        ("production", "destructive", [("signature", "ada"), ("signature", "bob")], True),
    ],
)  # fmt: skip
def test_enough(protection: Protection, risk: Risk, routes: list[tuple[Route, str]], enough: bool) -> None:
    where = environment(protection)
    sentence = lacking(requirement(where, risk), risk, where, given(*routes))
    assert (sentence == "") is enough, sentence


def test_only_those_who_may_approve_count() -> None:
    where = environment("dev", approvers=("ada",))
    needed = requirement(where, "low")
    assert "nobody of those who approved may approve" in lacking(needed, "low", where, given(("signature", "eve")))
    assert lacking(needed, "low", where, given(("signature", "eve"), ("terminal", "ada"))) == ""


def test_more_is_never_less() -> None:
    """An approval more never makes what was enough too little; a stricter level never accepts what a lower one refuses."""
    for protection in get_args(Protection):
        for risk in get_args(Risk):
            where = environment(protection)
            for route in get_args(Route):
                one, two = given((route, "ada")), given((route, "ada"), ("signature", "bob"))
                for suspicious in (False, True):
                    needed = requirement(where, risk, suspicious=suspicious)
                    if not lacking(needed, risk, where, one):
                        assert not lacking(needed, risk, where, two)
                        assert not lacking(requirement(where, risk), risk, where, one)


def test_who_is_missing_where_two_must_sign_is_named() -> None:
    where = environment("dev", approvers=("ada", "bob", "cy"))
    needed = requirement(where, "low", approvers=2)
    assert needed.level == 4
    assert "missing: two signatures, by two of ada, bob, cy" in lacking(needed, "low", where, given(("terminal", "ada")))
    once = lacking(needed, "low", where, given(("signature", "bob"), ("signature", "bob"), ("terminal", "ada")))
    assert "missing: a signature by somebody other than bob (ada, cy)" in once
    assert lacking(needed, "low", where, given(("signature", "bob"), ("signature", "cy"))) == ""
    assert lacking(needed, "low", environment("dev"), given(("signature", "bob"))).endswith("somebody other than bob")

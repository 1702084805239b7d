"""Trouble where a change cannot reach: something else is at work, and nobody is accused."""

import pytest

from mcp_server.core.clock import from_epoch
from mcp_server.engine.ranking import rank
from mcp_server.engine.ranking_data import Candidate, Edge, Ranking, Series
from tests.engine.test_ranking_blast import AT, full, ranked, release, series, told

EDGES = [Edge(caller="front", callee="cart"), Edge(caller="shop", callee="mail"), Edge(caller="shop", callee="cart")]


def elsewhere(ranking: Ranking, name: str) -> float:
    return sum(part.points for item in ranking.changes if item.id == name for part in item.parts if part.name == "elsewhere")


def upgraded(observations: list[Series], edges: list[Edge]) -> Ranking:
    """The front has its new version on every instance."""
    given = [Candidate(id="front", at=from_epoch(AT), component="front", kind="release", version="v2")]
    return rank(given, from_epoch(AT + 30), observations=observations, edges=edges)


def calm(*components: str) -> list[Series]:
    return [item for name in components for item in full(name, 0, 1.0)]


def test_two_entrances_that_fail_together_are_no_fault_of_the_one_that_changed() -> None:
    alone = upgraded([*full("front", 0, 4.0), *calm("shop", "cart", "mail")], EDGES)
    assert alone.named == "front"
    assert elsewhere(alone, "front") == 0
    both = upgraded([*full("front", 0, 4.0), *full("shop", 0, 4.0), *calm("cart", "mail")], EDGES)
    assert both.named is None
    assert elsewhere(both, "front") < 0
    assert "shop" in str(both.changes[0].parts)


@pytest.mark.parametrize("victim", ["front", "shop"])
def test_a_caller_suffers_from_the_change_and_says_nothing_against_it(victim: str) -> None:
    given = [Candidate(id="cart", at=from_epoch(AT), component="cart", kind="release", version="v2")]
    observations = [*full("cart", 0, 4.0), *full(victim, 0, 4.0), *calm("mail", "ads", "users")]
    ranking = rank(given, from_epoch(AT + 30), observations=observations, edges=EDGES)
    assert ranking.named == "cart"
    assert elsewhere(ranking, "cart") == 0


def test_where_nobody_knows_who_calls_whom_only_what_suffers_more_speaks_against_it() -> None:
    others = calm("cart", "mail", "ads")
    half_drawn = [Edge(caller="front", callee="cart")]  # and of the shop nobody knows anything
    for edges in ([], half_drawn):
        assert elsewhere(upgraded([*full("front", 0, 3.0), *full("shop", 0, 3.0), *others], edges), "front") == 0
        assert elsewhere(upgraded([*full("front", 0, 3.0), *full("shop", 0, 9.0), *others], edges), "front") < 0


def test_a_comparison_with_unchanged_instances_has_taken_out_what_hit_both() -> None:
    hit = [item for name in ("shop", "mail") for item in release(name, 1.0, everybody=2.0)]
    ranking = ranked([*release("cart", 3.0), *hit], "cart", edges=[*EDGES, Edge(caller="mail", callee="ads")])
    assert ranking.named == "cart"


def test_an_effect_that_others_dwarf_does_not_explain_the_trouble() -> None:
    edges = [Edge(caller="front", callee="cart"), Edge(caller="shop", callee="mail")]
    small = ranked([*release("cart", 1.4), *full_of("shop", 30.0)], "cart", edges=edges)
    assert elsewhere(small, "cart") == -24


def full_of(component: str, factor: float) -> list[Series]:
    return [series(component, f"i{number}", factor=factor) for number in range(3)]


def sick(component: str, version: str, sick: int = 0) -> list[Series]:
    """One instance of four has the version, and one fell sick: the same, or another."""
    return [
        series(component, f"i{number}", version if number == 0 else "v1", factor=5.0 if number == sick else 1.0)
        for number in range(4)
    ]


def test_when_machines_fail_a_changed_instance_among_them_is_there_by_chance() -> None:
    alone = ranked([*sick("cart", "v2"), *release("mail", 1.0), *release("ads", 1.0)], "cart")
    assert alone.named == "cart"
    machines = ranked([*sick("cart", "v2"), *sick("mail", "v1"), *sick("ads", "v1")], "cart")
    assert machines.named is None
    assert "fell sick as well" in told(machines, "cart")


def test_machines_fail_in_components_with_a_change_too_but_not_just_where_it_is() -> None:
    names = ("cart", "mail", "ads")
    by_chance = ranked([*sick("cart", "v2"), *sick("mail", "v2", sick=1), *sick("ads", "v2", sick=2)], *names)
    assert by_chance.named is None
    assert "fell sick as well" in told(by_chance, "cart")
    each_its_own = ranked([*sick("cart", "v2"), *sick("mail", "v2"), *sick("ads", "v2")], *names)
    assert each_its_own.named is not None, "where it is just the changed ones everywhere, the changes are to blame"
    observations = [item.model_copy(update={"version": ""}) for name in names for item in sick(name, "v1")]
    given = [Candidate(id=name, at=from_epoch(AT), component=name, taken={"i0": from_epoch(AT)}) for name in names]
    told_when = rank(given, from_epoch(AT + 30), observations=observations)
    assert told_when.named is not None, "the same, where it is told which instance got it when"

"""Changed instances against unchanged ones: small samples, noise, shared disturbances, missing data."""

import random
from typing import Any

from mcp_server.core.clock import from_epoch
from mcp_server.engine.ranking import rank
from mcp_server.engine.ranking_data import Candidate, Edge, Ranking, Series
from mcp_server.engine.ranking_series import binned, error, middle, permuted

AT, STEP = 1_790_000_000.0, 30


def series(
    component: str, instance: str, version: str = "v1", *, factor: float = 1.0, all_factor: float = 1.0, **more: Any
) -> Series:
    """Forty bins before and forty after AT; `factor` from AT on, `all_factor` for a disturbance of everybody."""
    chance = random.Random(f"{component}{instance}{more.get('seed', '')}")
    points = []
    for index in range(more.get("begin", -40), 40):
        value = more.get("level", 100) * (1 + chance.gauss(0, 0.08))
        value *= (factor if index >= 0 else 1) * (all_factor if index >= 0 else 1)
        points.append((AT + index * STEP, value))
    return Series(
        component=component, instance=instance, version=version, metric=more.get("metric", "latency_ms"), points=tuple(points)
    )


def ranked(observations: list[Series], *names: str, **more: Any) -> Ranking:
    given = [Candidate(id=name, at=from_epoch(AT), component=name, kind="release", version="v2") for name in names]
    return rank(given, from_epoch(AT + 30), observations=observations, **more)


def blast(ranking: Ranking, name: str) -> float:
    return sum(part.points for item in ranking.changes if item.id == name for part in item.parts if part.name == "blast")


def release(component: str, factor: float, **more: Any) -> list[Series]:
    """Two new instances beside three old ones."""
    old = [series(component, f"o{index}", all_factor=more.get("everybody", 1.0)) for index in range(3)]
    new = [
        series(component, f"n{index}", "v2", factor=factor, all_factor=more.get("everybody", 1.0), begin=0)
        for index in range(2)
    ]
    return old + new


def test_only_changed_instances_fail() -> None:
    ranking = ranked([*release("cart", 2.0), *release("mail", 1.0), *release("ads", 1.0)], "mail", "cart", "ads")
    assert ranking.named == "cart"
    assert blast(ranking, "mail") < 0
    assert "unchanged" in next(part.text for part in ranking.changes[0].parts if part.name == "blast")


def test_what_hits_everybody_names_nobody() -> None:
    ranking = ranked([*release("cart", 1.0, everybody=3.0), *release("mail", 1.0, everybody=3.0)], "cart", "mail")
    assert ranking.named is None
    assert blast(ranking, "cart") < 0
    assert any("unchanged instances fail alike" in part.text for item in ranking.changes for part in item.parts)


def test_a_fault_shows_through_a_disturbance_of_everybody() -> None:
    ranking = ranked([*release("cart", 1.8, everybody=2.0), *release("mail", 1.0, everybody=2.0)], "cart", "mail")
    assert ranking.named == "cart"


def test_upgraded_in_place_each_instance_has_its_own_past() -> None:
    levels = {"a": 50, "b": 120, "c": 200, "d": 90}
    observations = []
    for name, level in levels.items():
        whole = series("cart", name, level=level, factor=2.0 if name in "ab" else 1.0)
        before = tuple(point for point in whole.points if point[0] < AT)
        after = tuple(point for point in whole.points if point[0] >= AT)
        observations += [whole.model_copy(update={"points": before})]
        observations += [whole.model_copy(update={"points": after, "version": "v2" if name in "ab" else "v1"})]
    assert ranked(observations, "cart").named == "cart"


def test_where_all_have_it_a_sick_dependency_excuses() -> None:
    def everywhere(component: str, factor: float) -> list[Series]:
        return [series(component, f"{component}{index}", "v2", factor=factor) for index in range(3)]

    calm = [item for name in ("x", "y", "z") for item in everywhere(name, 1.0)]
    observations = [*everywhere("front", 2.0), *everywhere("cart", 2.2), *calm]
    edges = [Edge(caller="front", callee="cart")]
    ranking = ranked(observations, "front", "cart", edges=edges)
    assert ranking.changes[0].id == "cart"
    assert blast(ranking, "front") < 0


def test_silence_of_the_changed_instances_is_a_sign() -> None:
    gone = [series("cart", f"g{index}", "v2") for index in range(2)]
    gone = [item.model_copy(update={"points": tuple(point for point in item.points if point[0] < AT)}) for item in gone]
    ranking = ranked([*gone, *(series("cart", f"o{index}") for index in range(3))], "cart")
    assert blast(ranking, "cart") > 0


def test_nothing_to_compare_is_said() -> None:
    ranking = ranked([series("other", "a")], "cart")
    assert any("no observations of cart" in item for item in ranking.unseen)


def test_numbers_that_are_none_and_single_points_are_survived() -> None:
    odd = Series(
        component="cart", instance="a", version="v2", metric="m", points=((AT, float("nan")), (AT + 1, float("inf")), (AT, 1))
    )
    assert ranked([odd, odd.model_copy(update={"instance": "b", "version": "v1", "points": ()})], "cart").named is None


def test_less_is_better_for_success() -> None:
    worse = [series("cart", f"n{index}", "v2", factor=0.5, begin=0, metric="success_ratio") for index in range(2)]
    old = [series("cart", f"o{index}", metric="success_ratio") for index in range(3)]
    better = [item.model_copy(update={"metric": "error_ratio"}) for item in (*worse, *old)]
    assert blast(ranked([*worse, *old], "cart"), "cart") > 0
    assert blast(ranked(better, "cart"), "cart") < 0


def test_the_pieces() -> None:
    assert middle([1, 1, 1, 1, 100]) == 1
    assert binned([(0, 1), (1, 3), (10, 5), (11, float("nan"))], 0, 10) == {0: 2, 1: 5}
    assert error([5] * 20) == 0
    assert permuted([9, 9.1], [1, 1.2, 0.9]) == 0.1
    assert permuted([9], [1]) is None, "of two arrangements none is rare"

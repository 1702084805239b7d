"""Changed instances against unchanged ones: small samples, noise, shared disturbances, missing data."""

import random
from typing import Any

import pytest

from mcp_server.core.clock import from_epoch
from mcp_server.core.errors import BadInput
from mcp_server.engine.ranking import rank, rank_json
from mcp_server.engine.ranking_data import Candidate, Edge, Ranking, Series
from mcp_server.engine.ranking_metrics import per_request
from mcp_server.engine.ranking_series import binned, error, middle, permuted, turn

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


def told(ranking: Ranking, name: str) -> str:
    return next((part.text for item in ranking.changes if item.id == name for part in item.parts if part.name == "blast"), "")


def full(component: str, turned: int, factor: float, count: int = 3) -> list[Series]:
    """Every instance gets version 2 at AT; the metric turns so many bins later (negative: earlier)."""
    out = []
    for number in range(count):
        chance = random.Random(f"{component}{number}")
        points = [
            (AT + index * STEP, 100 * (1 + chance.gauss(0, 0.05)) * (factor if index >= turned else 1))
            for index in range(-60, 60)
        ]
        for version, cut in (("v1", points[:60]), ("v2", points[60:])):
            out.append(
                Series(component=component, instance=f"i{number}", version=version, metric="error_ratio", points=tuple(cut))
            )
    return out


def test_a_full_release_is_named_by_its_moment_only() -> None:
    others = [*release("mail", 1.0), *release("ads", 1.0)]
    at_once = rank([Candidate(id="cart", at=from_epoch(AT), component="cart", version="v2")], from_epoch(AT + 60),
                   observations=[*full("cart", 0, 3.0), *others])  # fmt: skip
    assert at_once.named == "cart"
    late = rank([Candidate(id="cart", at=from_epoch(AT), component="cart", version="v2")], from_epoch(AT + 600),
                observations=[*full("cart", 18, 3.0), *others])  # fmt: skip
    assert late.named is None
    assert "it turned only {gap} later" in told(late, "cart")
    assert blast(late, "cart") > 0, "still likelier than a component where nothing turned"
    before = rank([Candidate(id="cart", at=from_epoch(AT), component="cart", version="v2")], from_epoch(AT + 60),
                  observations=[*full("cart", -12, 3.0), *others])  # fmt: skip
    assert before.named is None


def test_in_a_staged_release_those_whose_turn_has_not_come_are_unchanged() -> None:
    """All instances turn at one moment, although they get the change one after another: it was not the change."""
    observations = []
    for number in range(4):
        chance = random.Random(number)
        points = [(AT + index * STEP, 50 * (1 + chance.gauss(0, 0.05)) * (3 if index >= 20 else 1)) for index in range(-40, 60)]
        begin = 40 + number * 15
        for version, cut in (("v1", points[:begin]), ("v2", points[begin:])):
            observations.append(
                Series(component="cart", instance=f"i{number}", version=version, metric="error_ratio", points=tuple(cut))
            )
    ranking = rank([Candidate(id="cart", at=from_epoch(AT), component="cart", version="v2")], from_epoch(AT + 20 * STEP),
                   observations=observations)  # fmt: skip
    assert ranking.named is None
    assert "unchanged instances fail alike" in told(ranking, "cart")


def test_instances_may_say_when_each_got_the_change() -> None:
    rows, taken = [], {f"i{number}": AT + number * 300 for number in range(4)}
    for name, got in taken.items():
        chance = random.Random(name)
        for index in range(-40, 60):
            at = AT + index * STEP
            rows.append(
                {"component": "cart", "instance": name, "metric": "errors", "at": at,
                 "value": 10 + chance.gauss(0, 1) + (20 if at >= got else 0)}
            )  # fmt: skip
    change = {"id": "r", "at": AT, "component": "cart", "instances": taken}
    answer = rank_json({"onset": AT + 120, "changes": [change], "observations": rows})
    assert answer["named"] == "r"
    with pytest.raises(BadInput, match=r"changes\.0"):
        rank_json({"onset": AT, "changes": [change | {"instances": {"i1": "noon"}}]})


def test_a_share_of_successes_is_looked_at_from_its_other_side() -> None:
    ranking = ranked(
        [series("cart", f"i{number}", "v2" if number < 2 else "v1", metric="success_rate", level=97.5, begin=-40)
         .model_copy(update={"points": tuple((at, 99.0 + (index % 3) * 0.1 - (3.0 if number < 2 and at >= AT else 0))
                                             for index, at in enumerate(AT + n * STEP for n in range(-40, 40)))})
         for number in range(4)], "cart")  # fmt: skip
    assert ranking.named == "cart"
    assert any("100 - success_rate" in str(part.values.values()) for part in ranking.changes[0].parts)


def test_more_users_make_more_errors_and_no_larger_share_of_them() -> None:
    observations = []
    for number in range(3):
        requests = [(AT + index * STEP, 1000.0 * (3 if index >= 0 else 1) + index % 5) for index in range(-40, 40)]
        errors = [(at, value * 0.02 + (index % 3)) for index, (at, value) in enumerate(requests)]
        for metric, points in (("requests_total", requests), ("error_count", errors)):
            observations.append(
                Series(component="cart", instance=f"i{number}", version="v2", metric=metric, points=tuple(points))
            )
    assert ranked(observations, "cart").named is None
    assert [item.metric for item in per_request(observations)][1] == "error_count per request"


def test_what_a_victim_shows_is_no_measure_and_no_accusation() -> None:
    edges = [Edge(caller="front", callee="cart"), Edge(caller="cart", callee="db")]
    observations = [*full("front", 0, 4.0), *full("cart", 0, 4.0), *release("ads", 1.0)]
    given = [Candidate(id=name, at=from_epoch(AT), component=name, version="v2") for name in ("front", "cart")]
    ranking = rank(given, from_epoch(AT + 30), observations=observations, edges=edges)
    assert ranking.changes[0].id == "cart"
    assert blast(ranking, "front") < blast(ranking, "cart")


def test_a_release_taken_back_did_not_fall_silent() -> None:
    whole = [series("cart", f"i{number}") for number in range(4)]
    observations = []
    for item in whole:
        cut = item.points
        if item.instance == "i0":
            observations += [
                item.model_copy(update={"points": cut[40:50], "version": "v2"}),
                item.model_copy(update={"points": cut[:40] + cut[50:]}),
            ]
        else:
            observations.append(item)
    ranking = rank([Candidate(id="cart", at=from_epoch(AT), component="cart", version="v2")], from_epoch(AT + 600),
                   observations=observations)  # fmt: skip
    assert "silent" not in told(ranking, "cart")


def test_one_odd_bin_between_taking_back_and_the_last_instance_is_no_comparison() -> None:
    """All four have it for ten minutes and lose it one bin apart; in that bin some errors happen to come."""
    observations = []
    for number in range(4):
        cut = series("cart", f"i{number}", metric="error_ratio", level=0.003).points
        back = 60 if number < 2 else 61
        odd = tuple((at, value * 5 if index == 20 and number > 1 else value) for index, (at, value) in enumerate(cut[40:back]))
        observations += [
            Series(component="cart", instance=f"i{number}", version="v2", metric="error_ratio", points=odd),
            Series(component="cart", instance=f"i{number}", version="v1", metric="error_ratio", points=cut[:40] + cut[back:]),
        ]
    ranking = ranked(observations, "cart")
    assert ranking.named is None
    assert blast(ranking, "cart") < 0, told(ranking, "cart")


def test_where_a_series_turns() -> None:
    assert turn([1.0, 1.1, 0.9, 1.0, 5.0, 5.2, 4.9, 5.1]) == 4
    assert turn([1.0, 1.0]) is None
    noisy = [10.0, 11.0] * 10 + [300.0] + [10.0, 11.0] * 3 + [20.0, 21.0] * 10
    assert turn(noisy) in range(26, 29), "one spike is no turn"


@pytest.mark.parametrize("canary", [False, True])
def test_without_instances_a_version_is_one_or_takes_the_place_of_the_one_before(canary: bool) -> None:
    chance = random.Random(3)
    rows = []
    for index in range(-40, 20):
        for version in ("1", "2"):
            if (version == "2") == (index >= 0) or (canary and index >= 0):
                value = 2 + chance.random() + (9 if version == "2" else 0)
                rows.append(
                    {"component": "cart", "metric": "errors", "version": version, "at": AT + index * 60, "value": value}
                )
    answer = rank_json(
        {"onset": AT + 60, "changes": [{"id": "r", "at": AT, "component": "cart", "version": "2"}], "observations": rows}
    )
    assert answer["named"] == "r"


def test_a_fault_in_bursts_is_a_fault_and_what_lies_between_is_no_noise() -> None:
    """Every instance has the release, and crashes for a third of the time: no error before, half of the requests then."""

    def crashing(bursts: bool) -> list[Series]:
        out = []
        for number in range(3):
            whole = series("cart", f"i{number}", "v1", metric="error_ratio", level=0.01).points
            after = [(at, 0.5 if bursts and index % 6 < 2 else value) for index, (at, value) in enumerate(whole[40:])]
            for version, points in (("v1", whole[:40]), ("v2", tuple(after))):
                out.append(
                    Series(component="cart", instance=f"i{number}", version=version, metric="error_ratio", points=points)
                )
        return out

    others = [*full("mail", 0, 1.0), *full("ads", 0, 1.0)]
    assert ranked([*crashing(bursts=True), *others], "cart").named == "cart"
    assert ranked([*crashing(bursts=False), *others], "cart").named is None


def test_bursts_as_they_were_before_are_nobodys_fault() -> None:
    whole = [(AT + index * STEP, 0.5 if index % 6 < 2 else 0.01) for index in range(-60, 40)]
    observations = [
        Series(component="cart", instance="a", version=version, metric="error_ratio", points=tuple(points))
        for version, points in (("v1", whole[:60]), ("v2", whole[60:]))
    ]
    assert ranked([*observations, *full("mail", 0, 1.0), *full("ads", 0, 1.0)], "cart").named is None

"""Every cause: a broken case, a look-alike in which it must not fire, and a healthy namespace that stays silent."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_server.cluster.cause import QUESTION, places
from mcp_server.cluster.diagnose import cause_types, diagnose
from mcp_server.core.kubernetes_calls import Cause
from mcp_server.engine.catalog import load_catalog
from tests.cluster.world import RECORDED, World, cluster_of

FOLDER = Path(__file__).parent / "cases"
CASES: dict[str, dict[str, Any]] = {
    case["code"] + (f"-{case['variant']}" if "variant" in case else ""): case
    for path in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(path.read_text(encoding="utf8"))
}  # fmt: skip
ROOTS = {"rollout_stuck": "image_not_found"}
"""What is behind a recorded trouble that is itself a consequence."""
ALSO = {"job_deadline": {"stuck_terminating"}}
"""What else is true of a recording: without a kubelet nobody confirms that a pod has ended."""
REAL = sorted(path.name.removesuffix(".json.gz") for path in RECORDED.glob("*.json.gz"))
"""Recorded on the real control plane; the others are of the documented shape."""


def told(causes: list[Cause]) -> str:
    return "\n".join(f"{item.code} {item.object} {item.field} explains {item.explains}" for item in causes)


def test_a_healthy_namespace_is_silent() -> None:
    assert told(diagnose(cluster_of("healthy"))) == ""
    assert told(diagnose(World().change({}))) == ""


@pytest.mark.parametrize("name", [name for name in REAL if name != "healthy"])
def test_recorded_on_the_real_control_plane(name: str) -> None:
    causes = diagnose(cluster_of(name))
    assert causes, "silent"
    assert causes[0].code == ROOTS.get(name, name), told(causes)
    assert {item.code for item in causes[1:]} <= {name, *ALSO.get(name, ())}, told(causes)
    assert causes[0].code == name or any(line.endswith(f": {name}") for line in causes[0].explains), told(causes)
    check(causes[0])


@pytest.mark.parametrize("name", CASES)
def test_broken(name: str) -> None:
    case = CASES[name]
    causes = diagnose(World().change(case["broken"]))
    found = [item for item in causes if item.code == case["code"]]
    assert found, told(causes)
    assert found[0].object == case["object"], told(causes)
    assert case.get("field", "") in found[0].field, told(causes)
    allowed = {case["code"], *case.get("also", ())}
    assert {item.code for item in causes} <= allowed, told(causes)
    assert causes[0].code == case["code"] or causes[0].code in case.get("first", ()), told(causes)
    for key, value in case.get("values", {}).items():
        assert found[0].values[key] == value
    if "quote" in case:
        assert any(case["quote"] in quote for quote in found[0].quotes), found[0].quotes
    check(found[0])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "alike" in case])
def test_look_alike(name: str) -> None:
    """What looks like it and is not: the cause is not told, neither as a root nor folded under another."""
    case = CASES[name]
    causes = diagnose(World().change(case["alike"]))
    assert case["code"] not in [item.code for item in causes], told(causes)
    assert not [line for item in causes for line in item.explains if line.endswith(f": {case['code']}")], told(causes)


def check(cause: Cause) -> None:
    """It says everything that its sentence needs, and names what hurts."""
    kind = cause_types()[cause.code]
    assert places(kind.text + kind.confirm) <= {"object", "field", "confidence", *cause.values}
    assert cause.object
    assert cause.object in cause.touches


def test_every_case_has_a_look_alike() -> None:
    assert [name for name, case in CASES.items() if "alike" not in case and "variant" not in case] == []
    both = {case["code"] for case in CASES.values() if "alike" in case}
    assert len(both) >= 50
    assert both <= set(cause_types())


def test_declarations() -> None:
    known = load_catalog().finding_types()
    for code, kind in cause_types().items():
        assert f"{QUESTION}.{code}" in known
        assert all(other in cause_types() for other in kind.explains), code
        assert (
            kind.text[0].islower()
            or kind.text[0] == "{"
            or kind.text.startswith(
                ("Service", "Resource", "Secret", "Priority", "CoreDNS", "kube", "Persistent", "Validating")
            )
        ), code


def test_every_cause_has_a_case() -> None:
    told = {case["code"] for case in CASES.values()} | set(REAL)
    assert set(cause_types()) - told == set(), "a cause that nothing shows is none"

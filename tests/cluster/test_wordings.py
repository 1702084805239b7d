"""How today's kubelets, schedulers, controllers, runtimes and plugins word their troubles: each shape is told by the right
cause, on the right object, first.

want       the first cause; `on` and `field` are parts of its object and field, `values` some of its values
also       further causes that are right to be told beside it
never      causes that must not be told, neither as a root nor folded under another
do         changes of the healthy shop, as in tests/cluster/world.py
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_server.cluster.diagnose import diagnose
from tests.cluster.test_causes import check, told
from tests.cluster.world import World

FOLDER = Path(__file__).parent / "wordings"
SHAPES: dict[str, dict[str, Any]] = {
    f"{path.stem}: {shape['name']}": shape
    for path in sorted(FOLDER.glob("*.yaml")) for shape in yaml.safe_load(path.read_text(encoding="utf8"))
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name: str) -> None:
    shape = SHAPES[name]
    causes = diagnose(World().change(shape["do"]))
    assert causes, "silent"
    first = causes[0]
    assert first.code == shape["want"], told(causes)
    assert shape.get("on", "") in first.object, told(causes)
    assert shape.get("field", "") in first.field, told(causes)
    assert {key: first.values.get(key) for key in shape.get("values", {})} == shape.get("values", {})
    assert {item.code for item in causes[1:]} <= {shape["want"], *shape.get("also", ())}, told(causes)
    every = {item.code for item in causes} | {line.rpartition(": ")[2] for item in causes for line in item.explains}
    assert every.isdisjoint(shape.get("never", ())), told(causes)
    check(first)


def test_every_name_is_given_once() -> None:
    count = sum(len(yaml.safe_load(path.read_text(encoding="utf8"))) for path in FOLDER.glob("*.yaml"))
    assert len(SHAPES) == count


QUIET: dict[str, dict[str, Any]] = {
    shape["name"]: shape["do"] for shape in yaml.safe_load((FOLDER.parent / "quiet.yaml").read_text(encoding="utf8"))
}


@pytest.mark.parametrize("name", QUIET)
def test_what_is_well_is_silent(name: str) -> None:
    assert told(diagnose(World().change(QUIET[name]))) == ""


CHATTER = (FOLDER.parent / "chatter.txt").read_text(encoding="utf8").splitlines()


@pytest.mark.parametrize("line", CHATTER)
@pytest.mark.parametrize("app", ["api", "db"])
def test_chatter_of_programs_that_are_up_is_silent(app: str, line: str) -> None:
    """Lines that a server writes about its clients and their mistakes, again and again."""
    change = {"spec": {"db": {"containers.0.image": "postgres:16"}}, "logs": {app: "\n".join([line] * 6)}}
    assert told(diagnose(World().change(change))) == ""

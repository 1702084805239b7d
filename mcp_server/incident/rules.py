"""The twenty rules as data (`rules.yaml`): what each asks, what makes it true, which test fails without it, how to see it."""

from functools import cache
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError

from mcp_server.core.errors import Broken
from mcp_server.core.noun import Noun

FILE = Path(__file__).with_name("rules.yaml")
COUNT = 20


class Rule(Noun):
    """One row of the table."""

    number: int = Field(ge=1, le=COUNT)
    name: str = Field(pattern=r"^[a-z][a-z_]{2,30}$")
    title: str = Field(min_length=3, max_length=60)
    asks: str = Field(min_length=20, max_length=300)
    by: str = Field(min_length=20, max_length=300)
    tools: tuple[str, ...] = Field((), description="verbs or diagnostics")
    modules: tuple[str, ...] = Field(min_length=1, description="files, from the top of the repository")
    tests: tuple[str, ...] = Field(min_length=1, description="pytest node ids; the first is shown to fail without it")
    see: str = Field(min_length=5, description="a command that shows it")
    limits: tuple[str, ...] = Field((), description="what no program makes true, or is not built")


@cache
def rules() -> tuple[Rule, ...]:
    """All rows, in order. Raises Broken when one is missing, doubled or cannot be read."""
    import yaml

    try:
        found = TypeAdapter(tuple[Rule, ...]).validate_python(yaml.safe_load(FILE.read_text(encoding="utf8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise Broken(f"{FILE} cannot be read: {error}", "restore it") from None
    if [rule.number for rule in found] != list(range(1, COUNT + 1)):
        raise Broken(f"{FILE} must hold the rules 1 to {COUNT}, each once and in order", "restore it")
    return found

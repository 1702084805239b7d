"""Arguments at the border: declared, bounded, coerced where harmless, refused with a sentence otherwise."""

import difflib
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from mcp_server.core.errors import BadInput
from mcp_server.core.text import one_line

MAX_ARGUMENT_CHARS = 16_384
"""No parameter needs more; larger arguments are refused before anything parses them."""


class Parameters(BaseModel):
    """Base of every parameter record. Numeric strings are coerced (`"42"` is 42); unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, str_strip_whitespace=True)

    @classmethod
    def parse(cls, arguments: Mapping[str, Any] | None) -> Self:
        """The checked record. Raises BadInput naming every wrong field, its value and what would be valid."""
        arguments = dict(arguments or {})
        refuse_unknown(arguments, tuple(cls.model_fields))
        refuse_oversized(arguments)
        try:
            return cls.model_validate(arguments)
        except ValidationError as error:
            raise BadInput("; ".join(_complaint(cls, item) for item in error.errors())) from None

    @classmethod
    def input_schema(cls) -> dict[str, Any]:
        """JSON schema without the titles that only cost space."""
        schema: dict[str, Any] = _without_titles(cls.model_json_schema())
        schema.pop("description", None)
        schema["additionalProperties"] = False
        return schema


def refuse_unknown(arguments: Mapping[str, Any], valid: tuple[str, ...]) -> None:
    """Raises BadInput when an argument has a name that nobody declared: a dropped filter answers another question."""
    unknown = [name for name in arguments if name not in valid]
    if not unknown:
        return
    named = ", ".join(f"`{one_line(name, 60)}`" for name in unknown[:5])
    close = difflib.get_close_matches(str(unknown[0]), valid, n=1)
    hint = f" (did you mean `{close[0]}`?)" if close else ""
    listing = ", ".join(f"`{name}`" for name in valid) or "none"
    raise BadInput(f"unknown argument {named}{hint}; valid arguments: {listing}")


def refuse_oversized(arguments: Mapping[str, Any]) -> None:
    """Raises BadInput when any text inside the arguments is longer than `MAX_ARGUMENT_CHARS`."""
    pending: list[tuple[str, Any]] = list(arguments.items())
    seen = 0
    while pending:
        name, value = pending.pop()
        seen += 1
        if seen > 10_000:
            raise BadInput("the arguments hold more than 10,000 values; send fewer")
        if isinstance(value, str) and len(value) > MAX_ARGUMENT_CHARS:
            raise BadInput(f"`{one_line(name, 60)}` has {len(value):,} characters; at most {MAX_ARGUMENT_CHARS:,} are read")
        if isinstance(value, Mapping):
            pending.extend((f"{name}.{key}", item) for key, item in value.items())
        elif isinstance(value, list | tuple):
            pending.extend((name, item) for item in value)


def _complaint(cls: type[Parameters], item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"]) or "arguments"
    if item["type"] == "missing":
        return f"`{path}` is required: {_describe(cls, path)}"
    reason = str(item["msg"]).removeprefix("Value error, ")
    _, should, rest = reason.partition(" should ")  # "Input should be …", "String should match …"
    reason = f"should {rest}" if should else f"should be {reason}"
    return f"`{path}` is `{one_line(item['input'], 80)}`; it {reason} ({_describe(cls, path)})"


def _describe(cls: type[Parameters], path: str) -> str:
    field = cls.model_fields.get(path.split(".", 1)[0])
    return (field.description if field else None) or "see the tool's description"


def _without_titles(node: Any, *, names: bool = False) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_titles(value, names=key == "properties")
            for key, value in node.items()
            if names or key != "title" or not isinstance(value, str)
        }
    return [_without_titles(item) for item in node] if isinstance(node, list) else node

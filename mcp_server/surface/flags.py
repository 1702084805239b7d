"""A tool's parameters as a person meets them: flags on a command line, rows in a reference page. One reading for both."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_server.core.parameters import Parameters
from mcp_server.surface.tools import Tool


@dataclass(frozen=True)
class Flag:
    """One parameter, described for people. `kind` is text, integer, number, yes/no or JSON; `many` means repeatable."""

    name: str
    kind: str
    many: bool
    required: bool
    default: str
    limits: str
    description: str

    @property
    def option(self) -> str:
        """`--warn-percent`."""
        return "--" + self.name.replace("_", "-")

    @property
    def form(self) -> str:
        """What may stand behind the flag: `integer, 1 to 100, repeatable`."""
        return ", ".join(part for part in (self.kind, self.limits, "repeatable" if self.many else "") if part)


_KINDS = {"integer": "integer", "number": "number", "boolean": "yes/no", "string": "text"}


def flags_of(tool: Tool) -> list[Flag]:
    """Every parameter of a tool: its own first, then the common ones."""
    return [flag for record in tool.fields for flag in _flags(record)]


def positional(flags: list[Flag]) -> Flag | None:
    """The one required text (or list of texts), which may also be given without its flag; None when there is none."""
    required = [flag for flag in flags if flag.required]
    return required[0] if len(required) == 1 and required[0].kind == "text" else None


def command_line(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """The shell command that asks this, ready to be copied."""
    words = [script_path(tool)]
    for name, value in arguments.items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
            continue
        for item in value if isinstance(value, list | tuple) else [value]:
            text = json.dumps(item) if isinstance(item, Mapping) else str(item)
            words += [f"{option}={text}"] if text.startswith("-") else [option, text]
    return shlex.join(words)


def script_path(tool: Tool) -> str:
    """Where the tool's script lies, from the top of the repository."""
    from mcp_server.core.declare import DiagnosticUnit

    folder = "diagnostics" if isinstance(tool.unit, DiagnosticUnit) else "incident_response"
    return f"scripts/{folder}/{tool.name}.py"


def _flags(record: type[Parameters]) -> list[Flag]:
    schema = record.input_schema()
    definitions, required = schema.get("$defs", {}), schema.get("required", [])
    flags = []
    for name, node in schema.get("properties", {}).items():
        inner = _resolved(node, definitions)
        many = inner.get("type") == "array"
        item = _resolved(inner.get("items", {}), definitions) if many else inner
        flag = Flag(
            name=name, kind=_kind(item), many=many, required=name in required, default=_default(node.get("default")),
            limits=_limits(item), description=str(node.get("description") or inner.get("description", "")),
        )  # fmt: skip
        flags.append(flag)
    return flags


def _resolved(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The node itself, without `| None` and without references."""
    if "$ref" in node:
        return _resolved(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
    choices = [choice for choice in node.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) == 1:
        return _resolved(choices[0], definitions)
    return {"type": "union"} if choices else node


def _kind(node: dict[str, Any]) -> str:
    if node.get("type") == "union" or "enum" in node or "const" in node:
        return "text"
    return _KINDS.get(node.get("type", ""), "JSON")


def _limits(node: dict[str, Any]) -> str:
    if "enum" in node:
        return "one of " + ", ".join(str(value) for value in node["enum"])
    parts = []
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        parts.append(f"{low:g} to {high:g}")
    elif low is not None:
        parts.append(f"at least {low:g}")
    elif high is not None:
        parts.append(f"at most {high:g}")
    for key, words in (("exclusiveMinimum", "more than {:g}"), ("exclusiveMaximum", "less than {:g}")):
        if key in node:
            parts.append(words.format(node[key]))
    if "maxLength" in node:
        parts.append(f"at most {node['maxLength']} characters")
    if "pattern" in node:
        parts.append(f"matching {node['pattern']}")
    return ", ".join(parts)


def _default(value: Any) -> str:
    if value is None or value in ([], {}, ""):
        return ""
    return value if isinstance(value, str) else json.dumps(value)

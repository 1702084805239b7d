"""What a client carries in every conversation: each listed tool in the wire's own form, as small as it can be.

Made from the declarations without the SDK, so that it can be kept between starts (`checked.py`).
"""

from collections.abc import Iterable
from typing import Any

from mcp_server.surface.tools import Tool

_TIME = "UTC time, or age: 15m"
_SHORT = {
    "target": "a place", "incident": "INC-n", "since": _TIME, "until": _TIME, "onset": _TIME,
    "sources": "Logs: paths, journal[:UNIT], container[:NAME]", "path": "A path, journal[:UNIT], container[:NAME]",
    "zone": "IANA zone of times that name none", "rotated": "Also rotated predecessors", "budget": "Characters of the answer",
}  # fmt: skip
"""Many tools take these; the instructions and the reference say the rest once."""
_RARE = {
    "zone", "rotated", "ignore_case", "fields", "pythons", "zombies", "restarts", "recent_s", "some_percent",
    "full_percent", "swap_percent", "load_per_cpu", "memory_percent", "cpu_percent", "answers", "depth",
    "critical_percent", "slow_ms", "check", "host", "method", "timeout_s", "tls_days",
}  # fmt: skip
"""Seldom given, so not in what every client carries: taken all the same, and told by list_diagnostics and the reference."""
_PATTERN_CHARS = 12


def listing(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """The entries of `tools/list`, and with each the group by which toolsets choose."""
    return [{"group": tool.group, "entry": _entry(tool)} for tool in tools if tool.listed]


def _entry(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name, "title": tool.name.replace("_", " ").capitalize(), "description": tool.summary,
        "inputSchema": compact(tool.schema()),
        "annotations": {
            "readOnlyHint": not tool.writes, "destructiveHint": tool.writes, "openWorldHint": False,
        },
    } | ({"_meta": {"anthropic/requiresUserInteraction": True}} if tool.writes else {})  # fmt: skip


def compact(schema: Any) -> Any:
    """A schema as a model needs it: the list of tools is in its context all the time.

    Left out is what only costs space, and what a refusal states in words anyway: `or null`, bounds, long patterns.
    """
    if isinstance(schema, list):
        return [compact(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    options = schema.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options and len(options) == 2:
        kept = next(option for option in options if option != {"type": "null"})
        schema = {key: value for key, value in schema.items() if key != "anyOf"} | kept
    if isinstance(fields := schema.get("properties"), dict):
        schema = schema | {"properties": {name: field for name, field in fields.items() if name not in _RARE}}
    small = {key: compact(value) for key, value in schema.items() if not _costly(key, value)}
    for name, text in _SHORT.items():
        if isinstance(entry := small.get("properties", {}).get(name), dict) and len(entry.get("description", "")) > len(text):
            entry["description"] = text
    return small


def _costly(key: str, value: Any) -> bool:
    return (
        (key == "default" and (value is False or value in (None, "", [], {}) or value == 0))
        or (key in ("maxLength", "minLength", "maxItems", "minItems", "minimum", "maximum") and isinstance(value, int | float))
        or (key == "pattern" and isinstance(value, str) and len(value) > _PATTERN_CHARS)
    )

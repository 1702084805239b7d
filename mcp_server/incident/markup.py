"""Values from outside in documents: each stays inside its code span, whatever it holds."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_server.core.clock import stamp
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.text import one_line, visible

if TYPE_CHECKING:
    from jinja2 import Template

CELL = 300
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{8,12}Z")


def plain(value: Value) -> str:
    """A value as text: visible, on one line."""
    if value is None:
        return "unknown"
    return f"{value:g}" if isinstance(value, float) else one_line(value, CELL)


def code(value: object, limit: int = CELL) -> str:
    """A value from outside as a markdown code span that cannot be left: it holds no backticks and no line ends."""
    text = one_line(value, limit)
    return f"`{text}`" if text.strip() else "(empty)"


def markdown(statement: Statement) -> str:
    """The sentence in markdown; text values stand in code spans."""
    return statement.told(lambda value: code(value) if isinstance(value, str) else plain(value))


def row(*cells: str) -> str:
    """A line of a markdown table. A bar inside a cell would end it, even after a backslash: it is shown as `│`."""
    return "| " + " | ".join(cell.replace("|", "│") for cell in cells) + " |"


def quotes(statement: Statement, most: int = 6) -> list[str]:
    """Raw text, one list entry and one code span per line. (An indented block would be a paragraph inside a list.)"""
    raw = [line for quote in statement.quotes for line in visible(quote).splitlines() or [""]]
    shown = [f"  - {code(line, 240)}" for line in raw[:most]]
    return [*shown, *([f"  - … {len(raw) - most} more lines"] if len(raw) > most else [])]


def html(statement: Statement) -> Any:
    """The sentence as safe HTML; text values stand in code elements. Everything is escaped by markupsafe."""
    from markupsafe import Markup, escape

    def show(value: Value) -> Any:
        if not isinstance(value, str):
            return escape(plain(value))
        shape = Markup('<code class="t">{}</code>') if _STAMP.fullmatch(value) else Markup("<code>{}</code>")
        return shape.format(one_line(value, CELL))

    values = {key: show(value) for key, value in statement.values.items()}
    return escape(statement.text).format(**values)


def cites(ids: tuple[str, ...], most: int = 8) -> str:
    """`[E3 E7]`, or the mark of a sentence that nothing proves."""
    if not ids:
        return "(unverified)"
    more = f" +{len(ids) - most}" if len(ids) > most else ""
    return "[" + " ".join(ids[:most]) + more + "]"


@cache
def template(name: str) -> "Template":
    """A template of `templates/` with our filters: `told` a statement, `stamp` a moment, `clean` a value from outside."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"told": html, "stamp": stamp, "clean": _clean}
    return environment.get_template(name)


def _clean(value: Value, limit: int = 300) -> str:
    return one_line(value, limit)

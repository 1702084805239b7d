"""The page of the twenty rules: what each asks, what makes it true, which test fails without it, how to see it."""

from collections.abc import Iterator

from mcp_server.incident.rules import Rule, rules

PAGE = "docs/incident_response/rules.md"
_HEAD = """\
# The twenty rules

A prompt alone enforces nothing, so each rule has a mechanism in the program and a test that fails when that is switched off.
Written from `mcp_server/incident/rules.yaml` by `make gen`. How far each holds on this installation, with the reasons:

```sh
scripts/incident_response/check_rules.py
```
"""


def rules_page() -> str:
    """All rows as a table, then each rule in full."""
    found = rules()
    lines = [_HEAD, "| rule | made true by | test | see |", "|---|---|---|---|"]
    lines += [_row(rule) for rule in found]
    for rule in found:
        lines += ["", f"## {rule.number}. {rule.title}", "", *_whole(rule)]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    tools = ", ".join(f"[{name}](reference/{name}.md)" for name in rule.tools)
    made = tools or ", ".join(f"`{name}`" for name in rule.modules)
    cells = (f"[{rule.number}. {rule.title}](#{_anchor(rule)})", made, f"`{rule.tests[0]}`", f"`{rule.see}`")
    return "| " + " | ".join(cells) + " |"


def _anchor(rule: Rule) -> str:
    words = f"{rule.number} {rule.title}".lower().replace(",", "")
    return words.replace(" ", "-")


def _whole(rule: Rule) -> Iterator[str]:
    yield rule.asks
    yield ""
    yield "Made true: " + rule.by
    yield ""
    yield "Code: " + ", ".join(f"`{name}`" for name in rule.modules) + "."
    yield "Tests: " + ", ".join(f"`{name}`" for name in rule.tests) + "."
    if rule.limits:
        yield "Not made true by the program: " + "; ".join(rule.limits) + "."

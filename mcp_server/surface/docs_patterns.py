"""The page of all known troubles that logs are searched for."""

from collections.abc import Iterator

from mcp_server.logs.troubles import Trouble, load

_HEAD = """\
# Known troubles in logs

`recent_errors` recognises these {count} troubles; written from `mcp_server/logs/patterns/` by `make gen`.

Your own: name a folder in the settings (`[logs]`, `patterns = "/etc/veteran/patterns"`) and put files `*.yaml` there:

```yaml
- id: shop.till_closed            # area.name, unique
  title: The till is closed
  match: 'till (?P<till>\\d{{1,3}}) is closed: (?P<path>/\\S{{1,200}})'
  severity: warning               # critical, warning or info
  meaning: Nobody can pay at it.
  causes: [end of the day]
  next: [log_tail]                # tools worth asking
  samples: ['till 4 is closed: /srv/till/4']
```

Groups named `module`, `package`, `path`, `port`, `unit` or `filesystem` are compared with what changed. Expressions hold no
lookaround and no backreference, every repetition is bounded (`{{0,200}}`) and none stands inside another; four characters
must be certain, or named in `hints`. `extract` is looked for in the whole record, `general: true` gives way to more specific
patterns, `calm: true` counts in records of level information too, `finding:` names the finding of `recent_errors` that it is.
"""


def patterns_page() -> str:
    """All shipped troubles, one table for each area."""
    troubles = load().troubles
    lines = [_HEAD.format(count=len(troubles))]
    for area in sorted({trouble.id.split(".")[0] for trouble in troubles}):
        lines += [f"## {area}", "", "| trouble | means | likely causes | ask |", "|---|---|---|---|"]
        lines += [row for trouble in troubles if trouble.id.split(".")[0] == area for row in _row(trouble)]
        lines.append("")
    return "\n".join(lines)


def _row(trouble: Trouble) -> Iterator[str]:
    asked = ", ".join(f"[{name}]({name}.md)" for name in trouble.next)
    cells = (f"{trouble.title} (`{trouble.id}`, {trouble.severity})", trouble.meaning, "; ".join(trouble.causes), asked)
    yield "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"

"""Would nginx load this configuration, and what does it serve?

The files are read and parsed here. `nginx -t` is not used: it opens, and creates, the log files for writing.
"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount
from mcp_server.logs.nginx_config import DEFAULT, read_config
from mcp_server.logs.nginx_model import NginxConfig


class Params(Parameters):
    """Which configuration."""

    conf: str = Field(
        DEFAULT, min_length=2, max_length=4_096, pattern=r"^/[^\x00]*$",
        description="Absolute path of the main file, or of one site's file",
    )  # fmt: skip


class ConfigFacts(Facts):
    """The configuration as read."""

    config: NginxConfig


_WEB = ("http_check.connection_refused", "recent_errors.configuration_rejected", "recent_errors.other_errors")

SYNTAX_ERROR = FindingType(
    code="syntax_error",
    text="{file}:{line}: {message}",
    severity="critical",
    meaning="nginx refuses to start or reload with this; a running one goes on with the old configuration.",
    advice="See what changed in this file; the next restart would take every site down.",
    explains=_WEB,
)
INCLUDE_MISSING = FindingType(
    code="include_missing",
    text="{file}:{line}: {message}",
    severity="critical",
    meaning="A file included by name must exist; nginx refuses to start or reload.",
    advice="See whether the file was moved or removed, or the include is a typing error.",
    explains=_WEB,
)

DIAGNOSTIC = Diagnostic(
    question="Would nginx load this configuration, and which sites, upstreams and timeouts does it set?",
    area="nginx",
    tool=False,
    facts=ConfigFacts,
    timeout_s=20.0,
    examples=({}, {"conf": "/etc/nginx/sites-enabled/default"}),
    next=("what_changed", "nginx_upstreams"),
)


def collect(reader: Reader, params: Params) -> ConfigFacts:
    """Read the file and everything it includes."""
    return ConfigFacts(config=read_config(reader, params.conf))


def judge(facts: ConfigFacts, params: Params) -> Iterator[Finding]:
    """Each place that nginx would refuse."""
    for problem in facts.config.problems:
        kind = INCLUDE_MISSING if problem.kind == "include" else SYNTAX_ERROR
        yield kind.found(
            problem.evidence, component=problem.file, clues=(f"path:{problem.file}",), file=problem.file,
            line=problem.line, message=problem.message,
        )  # fmt: skip


def show(facts: ConfigFacts, params: Params) -> Iterator[Statement]:
    """What it serves, site by site."""
    config = facts.config
    yield Statement(
        text="{sites}, {upstreams}, in {files}" + (" (a part, read as if inside http)" if config.fragment else ""),
        values={
            "sites": amount(len(config.sites), "site"), "upstreams": amount(len(config.upstreams), "upstream"),
            "files": amount(len(config.files), "file"),
        },
        evidence=(config.evidence,),
    )  # fmt: skip
    lines = [
        f"server {' '.join(site.names) or '(no name)'} listen {', '.join(site.listen) or '(default)'}  {site.file}:{site.line}"
        for site in config.sites
    ]
    lines += [f"upstream {item.name}: {', '.join(item.servers)}  {item.file}:{item.line}" for item in config.upstreams]
    lines += [f"{item.scheme} {item.location or ''} → {item.to}  {item.file}:{item.line}" for item in config.passes]
    lines += [f"{item.name} {item.value}  {item.file}:{item.line}" for item in config.noted]
    if lines:
        yield Statement(text="what it says", quotes=tuple(lines[:100]), evidence=(config.evidence,))
    if len(lines) > 100:
        yield Statement(text="{count} more lines are in the data", values={"count": len(lines) - 100})

"""Files by which others install Veteran: the Claude Code plugin, its marketplace, the MCP registry. Written by `make gen`.

The agent's prompt is written by hand in `.claude/agents/`; its list of tools comes from the inventory. A plugin's tools have
longer names, so the plugin gets a copy with those.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mcp_server

AGENT = "devops-troubleshooter-veteran.md"
SUMMARY = "Incident response with evidence: read-only diagnostics, what changed, probable cause, gated actions."
"""At most 100 characters: the registry's limit."""
KEYWORDS = ["incident-response", "sre", "devops", "diagnostics", "observability", "postmortem", "kubernetes", "docker"]
_PROJECT, _PLUGIN = "mcp__veteran__", "mcp__plugin_veteran_veteran__"


def packaging(root: Path, listed: Iterable[str]) -> dict[str, str]:
    """Path from the top of the repository, and text. `listed` are the tools that a client is offered."""
    agent = (root / ".claude/agents" / AGENT).read_text(encoding="utf8")
    names = ", ".join(_PROJECT + name for name in listed)
    agent = re.sub(r"^tools: .*$", f"tools: {names}", agent, count=1, flags=re.MULTILINE)
    return {
        f".claude/agents/{AGENT}": agent,
        f"agents/{AGENT}": agent.replace(_PROJECT, _PLUGIN),
        ".claude-plugin/plugin.json": _json(_plugin()),
        ".claude-plugin/marketplace.json": _json(_marketplace()),
        "server.json": _json(_server()),
    }


def _plugin() -> dict[str, Any]:
    return {
        "$schema": "https://json.schemastore.org/claude-code-plugin-manifest.json",
        "name": "veteran", "version": mcp_server.__version__, "description": SUMMARY, "author": {"name": "Veteran"},
        "license": "Apache-2.0", "keywords": KEYWORDS,
        "mcpServers": {"veteran": {"command": "python3", "args": ["-I", "${CLAUDE_PLUGIN_ROOT}/scripts/serve.py"]}},
    }  # fmt: skip


def _marketplace() -> dict[str, Any]:
    return {
        "name": "veteran", "owner": {"name": "Veteran"},
        "metadata": {"description": SUMMARY, "version": mcp_server.__version__},
        "plugins": [{"name": "veteran", "source": "./", "description": SUMMARY, "category": "monitoring"}],
    }  # fmt: skip


def _server() -> dict[str, Any]:
    settings = {"name": "VETERAN_CONFIG", "description": "Settings file (TOML)", "isRequired": False, "format": "filepath"}
    return {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": "io.github.veteran-sre/veteran", "title": "Veteran", "description": SUMMARY, "version": mcp_server.__version__,
        "packages": [
            {
                "registryType": "pypi", "identifier": "veteran", "version": mcp_server.__version__, "runtimeHint": "uvx",
                "transport": {"type": "stdio"}, "environmentVariables": [settings],
            }
        ],
    }  # fmt: skip


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"

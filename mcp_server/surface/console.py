"""`veteran COMMAND …`: every script behind one name, from the same declarations; and the server; and shell completion."""

import difflib
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from mcp_server import __version__
from mcp_server.core.text import one_line
from mcp_server.surface.by_hand import BY_HAND
from mcp_server.surface.tools import Tool

USAGE = """\
usage: veteran COMMAND [flags]    veteran COMMAND --help    veteran mcp    veteran completion bash|zsh|fish"""
_SHELLS = ("bash", "zsh", "fish")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (64 for one that does not exist)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(overview() + "\n")
        return 0
    if words[0] == "--version":
        sys.stdout.write(f"veteran {__version__}\n")
        return 0
    if words[0] == "mcp":
        from mcp_server import __main__ as server

        sys.argv = ["veteran mcp", *words[1:]]
        return server.main()
    if words[0] == "completion":
        return _completion(words[1:])
    name = words[0].replace("-", "_")
    if name in BY_HAND:
        return int(_by_hand(name).main(f"veteran {words[0]}", words[1:]))
    tools = _tools()
    if name not in tools:
        close = difflib.get_close_matches(name, tools, n=1)
        hint = f"did you mean {_typed(close[0])}?" if close else "veteran --help lists them"
        sys.stderr.write(f"there is no command `{one_line(words[0], 60)}`; {hint}\n")
        return 64
    from mcp_server.surface.cli import main as run

    return run(name, words[1:])


def overview() -> str:
    """Every command with its question, by group."""
    lines, tools = [USAGE, ""], [tool for tool in _tools().values() if tool.script]
    for group in dict.fromkeys(tool.group for tool in tools):
        lines.append(f"{group}:")
        lines += [f"  {_typed(tool.name):<22} {tool.summary}" for tool in tools if tool.group == group]
    lines.append("for people at a terminal only:")
    for name in BY_HAND:
        lines.append(f"  {_typed(name):<22} {(_by_hand(name).__doc__ or '').partition('. ')[0]}.")
    return "\n".join(lines)


def _by_hand(name: str) -> Any:
    return importlib.import_module(f"mcp_server.surface.{name}")


def _tools() -> dict[str, Tool]:
    from mcp_server.engine.catalog import load_catalog
    from mcp_server.surface.tools import inventory

    return {name: tool for name, tool in inventory(load_catalog()).items() if tool.script}


def _typed(name: str) -> str:
    return name.replace("_", "-")


def _completion(words: list[str]) -> int:
    if len(words) != 1 or words[0] not in _SHELLS:
        shell = one_line(words[0], 40) if words else "missing"
        sys.stderr.write(f"`shell` is `{shell}`; it should be one of: {', '.join(_SHELLS)}\n")
        return 64
    sys.stdout.write({"bash": _bash, "zsh": _zsh, "fish": _fish}[words[0]]())
    return 0


def _flags(tool: Tool) -> list[str]:
    from mcp_server.surface.flags import flags_of

    return [flag.option for flag in flags_of(tool)] + ["--json", "--full", "--help"]


def _bash() -> str:
    tools = _tools()
    cases = "\n".join(f'    {_typed(tool.name)}) words="{" ".join(_flags(tool))}";;' for tool in tools.values())
    commands = " ".join(["mcp", "completion", *map(_typed, (*tools, *BY_HAND))])
    return f"""\
_veteran() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words="{commands}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "${{COMP_WORDS[1]}}" in
    completion) words="{" ".join(_SHELLS)}";;
{cases}
    *) words="";;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _veteran veteran
"""


def _zsh() -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash()


def _fish() -> str:
    lines = ["complete -c veteran -f"]
    for tool in _tools().values():
        name, text = _typed(tool.name), tool.summary.replace("'", "")
        lines.append(f"complete -c veteran -n __fish_use_subcommand -a {name} -d '{text}'")
        lines += [
            f"complete -c veteran -n '__fish_seen_subcommand_from {name}' -l {flag.removeprefix('--')}" for flag in _flags(tool)
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

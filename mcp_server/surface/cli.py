"""The command line: every tool as a script of its own. The file's name says which; nothing else is in the file.

Exit codes: 0 ok · 1 finding · 2 unknown · 3 not applicable · 64 bad usage · 70 the program itself cannot work (settings,
ledger, a defect) · 130 interrupted (129 hang-up, 143 terminated).
"""

import argparse
import difflib
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from mcp_server.core.errors import BadInput, Cancelled, CouldNotLook, NotApplicable, VeteranError
from mcp_server.core.outcome import Outcome
from mcp_server.core.redaction import Redactor
from mcp_server.core.settings import Settings, load_settings
from mcp_server.core.text import one_line, visible
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.lock import lock_writes
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.answers import bounded, refusal
from mcp_server.surface.checked import checked
from mcp_server.surface.flags import Flag, command_line, flags_of, positional
from mcp_server.surface.render import render
from mcp_server.surface.tools import Inventory, Tool, inventory
from mcp_server.targets.standard_input import StandardInput

EXITS = {"ok": 0, "finding": 1, "unknown": 2, "not_applicable": 3}
BAD_USAGE, OUR_DEFECT = 64, 70
_REFUSALS = {BadInput: BAD_USAGE, NotApplicable: EXITS["not_applicable"], CouldNotLook: EXITS["unknown"]}
EXIT_TEXT = (
    "exit codes: 0 ok · 1 finding · 2 unknown · 3 not applicable · 64 bad usage · "
    "70 settings, ledger or program damaged · 130 interrupted"
)
_COLOURS = {"OK": "32", "FINDING": "31", "UNKNOWN": "33", "NOT_APPLICABLE": "36"}
_VERDICT = re.compile(r"^(OK|FINDING|UNKNOWN|NOT_APPLICABLE)(?=  )", re.MULTILINE)


def main(script_path: str, argv: Sequence[str] | None = None) -> int:
    """Run the tool that the script's name selects; returns the exit code. Nothing escapes as a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    interrupted: list[int] = []
    asking = Asking(standard_input=StandardInput() if sys.stdin else None)  # closed: another file may have its number
    try:
        with _signals(asking, interrupted):
            return _main(Path(script_path).stem, words, asking)
    except (Cancelled, KeyboardInterrupt):
        return _say("interrupted; nothing is known of what was not yet seen", 128 + (interrupted or [signal.SIGINT])[0])
    except VeteranError as error:
        return _say(refusal(error, Redactor()), _REFUSALS.get(type(error), OUR_DEFECT))
    except Exception as error:  # noqa: BLE001 -- a defect of ours must not look like a verdict
        return _say(Redactor().text(f"defect in this program: {type(error).__name__}: {error}"), OUR_DEFECT)


def _main(name: str, words: list[str], asking: Asking) -> int:
    tools = inventory(load_catalog())
    if name not in tools:
        close = difflib.get_close_matches(name, tools, n=1)
        raise BadInput(f"no tool is called `{one_line(name, 60)}`" + (f"; did you mean `{close[0]}`?" if close else ""))
    tool = tools[name]
    arguments, form = read_arguments(tool, words)
    settings = load_settings()
    outcome = _answer(tools, tool, arguments, settings, asking)
    if form == "json":
        text = json.dumps(outcome.model_dump(mode="json"), indent=2)
    else:
        text = _coloured(render(outcome) if form == "full" else bounded(outcome, settings.limits.answer_chars))
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader went away (`| head`): no error of ours, and Python must not complain at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXITS[outcome.verdict]


def _answer(tools: Inventory, tool: Tool, arguments: Mapping[str, Any], settings: Settings, asking: Asking) -> Outcome:
    session = Session(settings, program=f"script {tool.name}")
    try:
        checked(session.catalog, tools)
        if tool.writes:
            from mcp_server.engine import hatch

            hatch.open_hatch()  # the executor is started from outside the lock
        lock_writes([settings.state_dir], settings.read)  # before the first thread
        for left in session.interrupted:
            _say(f"note: an earlier run was cut off: {left}", 0)
        with _progress(asking, sys.stderr.isatty()):
            return tool.call(session, arguments, asking)
    finally:
        session.close()


# --- the command line -----------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """argparse whose complaints are BadInput sentences."""

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (--[^\s=]+)", message)
        close = difflib.get_close_matches(unknown[1], self._option_string_actions, n=1) if unknown else []
        hint = f"did you mean {close[0]}? " if close else ""
        raise BadInput(one_line(message, 300), f"{hint}See --help")


def parser(tool: Tool) -> argparse.ArgumentParser:
    """Flags, help and examples, all from the tool's declaration."""
    flags = flags_of(tool)
    examples = "\n".join(f"  {command_line(tool, example)}" for example in tool.examples)
    out = _Parser(
        prog=f"{tool.name}.py", description=tool.summary, epilog=f"examples:\n{examples}\n\n{EXIT_TEXT}", allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    if single := positional(flags):
        count = "*" if single.many else "?"
        dest, shown = f"{single.name}:positional", single.name.upper()
        out.add_argument(dest, nargs=count, metavar=shown, help=f"same as {single.option}")
    for flag in flags:
        options: dict[str, Any] = {"dest": flag.name, "help": _help(flag), "default": None}
        if flag.kind == "yes/no" and not flag.many:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options |= {"action": "append" if flag.many else "store", "metavar": flag.kind.upper()}
        out.add_argument(flag.option, **options)
    forms = out.add_mutually_exclusive_group()
    for form, words in (("json", "print the whole outcome as JSON"), ("full", "print the whole text, however long")):
        forms.add_argument(f"--{form}", dest=":form", action="store_const", const=form, default=None, help=words)
    return out


def read_arguments(tool: Tool, words: list[str]) -> tuple[dict[str, Any], str | None]:
    """The tool's arguments as typed (the tool itself checks them), and the form of answer wanted. Raises BadInput."""
    given = {name: value for name, value in vars(parser(tool).parse_args(words)).items() if value is not None}
    form = given.pop(":form", None)
    flags = flags_of(tool)
    single = positional(flags)
    if single and (value := given.pop(f"{single.name}:positional", None)):
        if single.name in given:
            raise BadInput(f"`{single.name}` is given twice: as {single.option} and without it")
        given[single.name] = value
    for flag in flags:
        if flag.kind == "JSON" and flag.name in given:
            value = given[flag.name]
            given[flag.name] = [_json(flag, item) for item in value] if flag.many else _json(flag, value)
    return given, form


def _json(flag: Flag, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise BadInput(f"`{flag.name}` is `{one_line(text, 80)}`; it should be JSON ({flag.description})") from None


def _help(flag: Flag) -> str:
    end = "required" if flag.required else f"default: {flag.default}" if flag.default else ""
    detail = "; ".join(part for part in (flag.limits, "may be repeated" if flag.many else "", end) if part)
    return f"{flag.description} ({detail})".replace("%", "%%") if detail else flag.description.replace("%", "%%")


# --- terminal -------------------------------------------------------------------------------------------------------


def _say(text: str, code: int) -> int:
    with suppress(OSError):  # nobody reads our errors: the exit code still tells
        sys.stderr.write(visible(text) + "\n")
    return code


def _coloured(text: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return _VERDICT.sub(lambda match: f"\x1b[1;{_COLOURS[match[1]]}m{match[1]}\x1b[0m", text)


@contextmanager
def _progress(asking: Asking, terminal: bool) -> Iterator[None]:
    """From the second second on, one line on a terminal's stderr saying what goes on and for how long."""
    if not terminal:
        yield
        return
    latest, started, done = ["working"], time.monotonic(), threading.Event()

    def note(part: float, total: float, what: str) -> None:
        latest[0] = what

    def draw() -> None:
        if done.wait(1.0):
            return
        while not done.wait(0.2):
            sys.stderr.write(f"\r\x1b[K{one_line(latest[0], 90)} · {time.monotonic() - started:.0f} s")
            sys.stderr.flush()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    asking.progress = note
    thread = threading.Thread(target=draw, daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(1)


@contextmanager
def _signals(asking: Asking, received: list[int]) -> Iterator[None]:
    """The first signal cancels (children are ended, the session is closed); the second leaves at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if asking.cancel.is_set():
            raise KeyboardInterrupt
        asking.cancel.set()

    before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
    if threading.current_thread() is threading.main_thread():
        for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before[wanted] = signal.signal(wanted, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

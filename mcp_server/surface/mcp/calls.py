"""Tools over MCP: their list and their calls. Arguments are checked by the declarations, never by the SDK."""

import asyncio
import contextlib
import difflib
import logging
import threading
import time
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from mcp_types import CallToolRequestParams, CallToolResult, InputRequiredResult, ListToolsResult, TextContent

from mcp_server.core.errors import BadInput, Broken, VeteranError
from mcp_server.core.text import one_line
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.answers import bounded, machine_form, refusal
from mcp_server.surface.checked import checked
from mcp_server.surface.tools import Tool, inventory

if TYPE_CHECKING:
    from mcp_server.surface.mcp.dialog import Dialogs

WRITES = "execute_action"
LOG = logging.getLogger("veteran")
CALLS_AT_ONCE = 16
"""Further calls wait; each may run several looks in parallel."""


class Calls:
    """Serves `tools/list` and `tools/call` from the inventory."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.tools = inventory(session.catalog)
        known = checked(session.catalog, self.tools)
        self._offered = offered(known, session.settings.tools.sets)
        self._listing: ListToolsResult | None = None
        self._slots = anyio.CapacityLimiter(CALLS_AT_ONCE)
        self._under_way: set[threading.Event] = set()
        self._told_interrupted = False
        self._asked: Dialogs | None = None

    async def list_tools(self, ctx: Any, params: Any) -> ListToolsResult:
        """Every listed tool."""
        if self._listing is None:
            self._listing = ListToolsResult.model_validate({"tools": self._offered})
        return self._listing

    async def call_tool(self, ctx: Any, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """Run one tool in a worker thread; when the client cancels, its looks and their children are stopped.

        The one that changes something asks a person first.
        """
        asking = Asking()
        try:
            if params.name == WRITES and (question := await self._dialogs().ask(ctx, params, asking)):
                return question
            if ctx.meta and "progress_token" in ctx.meta:
                return await self._with_progress(ctx, params, asking)
            return await self._in_thread(params, asking)
        finally:
            asking.cancel.set()

    def _dialogs(self) -> "Dialogs":
        if self._asked is None:
            from mcp_server.surface.mcp.dialog import Dialogs  # most servers never change anything

            self._asked = Dialogs(self._session)
        return self._asked

    async def _with_progress(self, ctx: Any, params: CallToolRequestParams, asking: Asking) -> CallToolResult:
        steps = _Steps(ctx.session)
        asking.progress = steps.offer
        async with anyio.create_task_group() as group:
            group.start_soon(steps.forward)
            try:
                result = await self._in_thread(params, asking)
            finally:
                steps.close()
        return result

    async def _in_thread(self, params: CallToolRequestParams, asking: Asking) -> CallToolResult:
        text, data = await anyio.to_thread.run_sync(
            self._answer, params.name, params.arguments or {}, asking, abandon_on_cancel=True, limiter=self._slots
        )
        # made here, not in the thread: the SDK's models are built on first use, which wants one thread
        return CallToolResult(content=[TextContent(text=text)], _meta=data, is_error=data is None)

    def _answer(self, name: str, arguments: Mapping[str, Any], asking: Asking) -> tuple[str, dict[str, Any] | None]:
        """The text, and the machine-readable form; None in its place means that the call failed."""
        session = self._session
        self._under_way.add(asking.cancel)
        try:
            outcome = self._tool(name).call(session, arguments, asking)
            text = self._interrupted() + bounded(outcome, session.settings.limits.answer_chars)
            return text, machine_form(outcome)
        except VeteranError as error:
            return refusal(error, session.redactor), None
        except Exception:  # noqa: BLE001 -- a defect must reach the model as a sentence, and its details only the log
            if asking.cancel.is_set():  # nobody waits for it, and the session may be closed under its feet: no defect
                return "cancelled before it was finished", None
            LOG.error("defect in %s\n%s", one_line(name, 60), session.redactor.text(traceback.format_exc()))
            return f"a defect of this server stopped {one_line(name, 60)}; details are in the server's log. Report it.", None
        finally:
            self._under_way.discard(asking.cancel)

    def _tool(self, name: str) -> Tool:
        sets = self._session.settings.tools.sets
        if name in self.tools:
            tool = self.tools[name]
            if sets and tool.group not in sets:
                raise BadInput(
                    f"the tool `{name}` belongs to the set `{tool.group}`, which is not offered here",
                    f"add it to `sets` under [tools] in the settings, which has: {', '.join(sets)}",
                )
            return tool
        close = difflib.get_close_matches(name[:60], self.tools, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "list_diagnostics names everything that can be asked"
        raise BadInput(f"there is no tool `{one_line(name, 60)}`", hint)

    def _interrupted(self) -> str:
        """The first answer names what an earlier process left unfinished."""
        if self._told_interrupted or not self._session.interrupted:
            return ""
        self._told_interrupted = True
        return interrupted_note(self._session) + "\n"

    def stop(self) -> None:
        """Tell every look under way to stop."""
        for cancel in tuple(self._under_way):
            cancel.set()

    def wait(self, seconds: float) -> None:
        """Wait until no call is under way, at most so long."""
        end = time.monotonic() + seconds
        while self._under_way and time.monotonic() < end:
            time.sleep(0.01)


class _Steps:
    """Progress on its way from worker threads to the client. Advisory: when the client is slow, steps are dropped."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._send, self._receive = anyio.create_memory_object_stream[tuple[float, float, str]](32)

    def offer(self, done: float, total: float, what: str) -> None:
        self._loop.call_soon_threadsafe(self._put, (done, total, what))

    def _put(self, step: tuple[float, float, str]) -> None:
        with contextlib.suppress(anyio.WouldBlock, anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._send.send_nowait(step)

    async def forward(self) -> None:
        last = -1.0
        with self._receive:
            async for done, total, what in self._receive:
                if done > last:  # the protocol wants it to increase; threads may overtake each other
                    last = done
                    await self._session.report_progress(done, total, one_line(what, 120))

    def close(self) -> None:
        # through the loop, behind the steps that are still queued there
        self._loop.call_soon(self._send.close)


def offered(known: list[dict[str, Any]], sets: tuple[str, ...]) -> list[dict[str, Any]]:
    """The entries of the listing that the settings ask for. Raises Broken for a set that no tool belongs to."""
    groups = list(dict.fromkeys(item["group"] for item in known))
    if unknown := [name for name in sets if name not in groups]:
        raise Broken(f"setting `tools.sets` names `{one_line(unknown[0], 40)}`; sets of tools: {', '.join(groups)}")
    return [item["entry"] for item in known if not sets or item["group"] in sets]


def interrupted_note(session: Session) -> str:
    """What an earlier process left unfinished, in one line; empty when there is nothing."""
    if not session.interrupted:
        return ""
    named = "; ".join(one_line(item, 120) for item in session.interrupted[:5])
    more = f"; and {len(session.interrupted) - 5} more" if len(session.interrupted) > 5 else ""
    return f"note: an earlier process was killed before it had finished: {named}{more}. Ask again what still matters."

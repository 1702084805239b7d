"""Approval dialogs: the server names a plan, the witness asks, and only the client's answer to the witness counts.

The server sends the protocol's ordinary question with the text `veteran/plan P7`. What the person reads instead is written
by the approver process (see `helper`) from a plan it made itself. The question goes out under a number that the server
has not seen and cannot guess, so neither a question of the server's own nor an answer it invents can pass for this one;
each number is good for one answer. The genuine answer is given to the approver, which records the approval, and to the
server, which cannot do more with it than with any text.
"""

import json
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mcp_server.witness.helper import Helper

FROM_CLIENT, FROM_SERVER = 0, 1
Look = Callable[[bytes], bytes]
"""A whole line in, what is passed on in its place out."""

ANSWER_S = 240.0
"""How long the person may take where the approver names no other time; then it is as if nobody had been there."""
APPROVER_S = 60.0
"""How long the approver process may take to plan, and to record."""
AT_ONCE, AN_HOUR = 4, 30
"""Questions that may be open, and that may be asked within an hour: nobody is worn down into a yes."""

_ASKS = re.compile(r"veteran/plan (P[1-9][0-9]{0,11})")
_OURS = b"veteran-ask-"
_NUMBER = re.compile(rb"veteran-ask-[0-9a-f]{36}")
_SCHEMA = {
    "type": "object",
    "properties": {
        "decision": {
            "type": "string", "enum": ["reject", "approve"], "title": "Decision",
            "description": "approve: exactly this plan is carried out, once",
        }
    },
    "required": ["decision"],
}  # fmt: skip


@dataclass
class _Question:
    """One question that is open. `back` restores, for the server, the number or state that it knows."""

    number: str
    request: Any
    plan: str
    modern: bool
    state: Any = None
    key: str = ""
    helper: Helper | None = None
    timer: threading.Timer | None = field(default=None, repr=False)


class Dialogs:
    """All questions of one client. `marks` and `looks` say, by direction, which lines concern it."""

    def __init__(self, to_server: Callable[[bytes], None], to_client: Callable[[bytes], None]) -> None:
        self._to_server, self._to_client = to_server, to_client
        self._turn = threading.Lock()
        self._open: dict[str, _Question] = {}
        self._asked: list[float] = []
        self.marks = {FROM_SERVER: b"veteran/plan", FROM_CLIENT: _OURS}
        self.looks: dict[int, Look] = {FROM_SERVER: self._from_server, FROM_CLIENT: self._from_client}

    @property
    def waiting(self) -> bool:
        """Whether an answer may come."""
        return bool(self._open)

    # --- the server asks --------------------------------------------------------------------------------------------

    def _from_server(self, line: bytes) -> bytes:
        question = _question(_parsed(line))
        if question is None:
            return line + b"\n"
        threading.Thread(target=self._ask, args=(question,), daemon=True).start()
        return b""

    def _ask(self, question: _Question) -> None:
        """Have the plan made and written out, then ask."""
        if why := self._busy(question):
            return self._refuse(question, f"No further approval dialog: {why}. A person can use approve.py in a terminal.")
        helper = question.helper = Helper("mcp_server.approver", question.plan)
        shown = helper.line(APPROVER_S)
        message = shown.get("message")
        if not isinstance(message, str):
            self._close(question.number)
            return self._refuse(question, str(shown.get("refused") or "the plan could not be made again; nothing was asked"))
        seconds = shown.get("answer_s")
        limit = float(seconds) if isinstance(seconds, int | float) else ANSWER_S
        timer = question.timer = threading.Timer(limit, self._late, (question.number,))
        timer.daemon = True
        timer.start()
        ask = {"mode": "form", "message": message, "requestedSchema": _SCHEMA}
        if question.modern:
            asked = {"approval": {"method": "elicitation/create", "params": ask}}
            result = {"resultType": "input_required", "inputRequests": asked, "requestState": question.number}
            self._send(self._to_client, id=question.request, result=result)
        else:
            self._send(self._to_client, id=question.number, method="elicitation/create", params=ask)
        return None

    def _busy(self, question: _Question) -> str:
        """Empty, and the question is open; or why it may not be asked."""
        moment = time.monotonic()
        with self._turn:
            self._asked = [at for at in self._asked if moment - at < 3_600]
            if len(self._open) >= AT_ONCE:
                return f"{AT_ONCE} are open"
            if len(self._asked) >= AN_HOUR:
                return f"{AN_HOUR} were asked within an hour"
            self._asked.append(moment)
            self._open[question.number] = question
        return ""

    def _late(self, number: str) -> None:
        question = self._close(number)
        if question is not None and not question.modern:
            self._send(self._to_server, id=question.request, result={"action": "cancel"})

    def _refuse(self, question: _Question, sentence: str) -> None:
        if question.modern:
            self._tell(question.request, sentence)
        else:
            self._send(self._to_server, id=question.request, error={"code": -32600, "message": sentence})

    def _tell(self, request: Any, sentence: str) -> None:
        """Answer the client's call in the server's stead: it is asked again, and no plan is behind it."""
        result = {"resultType": "complete", "content": [{"type": "text", "text": sentence}], "isError": True}
        self._send(self._to_client, id=request, result=result)

    # --- the client answers -----------------------------------------------------------------------------------------

    def _from_client(self, line: bytes) -> bytes:
        message = _parsed(line)
        if message.get("method") == "tools/call":
            params = message.get("params")
            number = params.get("requestState") if isinstance(params, dict) else None
        else:
            number = message.get("id") if "method" not in message else None
        if not isinstance(number, str) or not number.encode().startswith(_OURS):
            for found in _NUMBER.findall(line):  # in a form we do not know: the server will have seen it, so it is void
                self._close(found.decode())
            return line + b"\n"
        question = self._close(number, keep=True)
        if question is None or question.modern != ("method" in message):
            if "method" in message:
                self._tell(message.get("id"), "This approval dialog is over: it was answered, or the time to answer it was. "
                           "Nothing was approved by it now; call again to be asked again.")  # fmt: skip
            return b""
        threading.Thread(target=self._settle, args=(question, message), daemon=True).start()
        return b""

    def _settle(self, question: _Question, message: dict[str, Any]) -> None:
        """Have a yes recorded; pass the answer on in the form that the server waits for."""
        answer = message.get("result")
        if question.modern:
            responses = message["params"].get("inputResponses")
            answer = responses.get("approval") if isinstance(responses, dict) else None
        yes = isinstance(answer, dict) and answer.get("action") == "accept" and answer.get("content") == {"decision": "approve"}
        helper, recorded = question.helper, {}
        if helper is not None:
            helper.say("approve" if yes else "no")
            recorded = helper.line(APPROVER_S) if yes else {}
            helper.end()
        if yes and not recorded.get("recorded"):
            return self._refuse_answer(question, message, str(recorded.get("refused") or "the approval could not be recorded"))
        if not isinstance(answer, dict) or answer.get("action") not in ("accept", "decline", "cancel"):
            answer = {"action": "cancel"}
        if question.modern:
            message["params"] |= {"requestState": question.state, "inputResponses": {question.key: answer}}
            self._to_server(json.dumps(message).encode() + b"\n")
        else:
            self._send(self._to_server, id=question.request, result=answer)
        return None

    def _refuse_answer(self, question: _Question, message: dict[str, Any], sentence: str) -> None:
        if question.modern:
            self._tell(message.get("id"), sentence)
        else:
            self._refuse(question, sentence)

    def _close(self, number: str, *, keep: bool = False) -> _Question | None:
        """Take the question off the table; None when it was taken already. Its approver is ended unless it is kept."""
        with self._turn:
            question = self._open.pop(number, None)
        if question is not None:
            if question.timer is not None:
                question.timer.cancel()
            if question.helper is not None and not keep:
                question.helper.end()
        return question

    def _send(self, where: Callable[[bytes], None], **message: Any) -> None:
        where(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, nested without end
        return {}
    return message if isinstance(message, dict) else {}


def _question(message: dict[str, Any]) -> _Question | None:
    """The server's question about a plan, in either era's form; None for everything else."""
    number = _OURS.decode() + os.urandom(18).hex()
    params, result = message.get("params"), message.get("result")
    if message.get("method") == "elicitation/create" and isinstance(params, dict):
        if plan := _plan(params):
            return _Question(number, message.get("id"), plan, modern=False)
    elif isinstance(result, dict) and isinstance(asked := result.get("inputRequests"), dict) and len(asked) == 1:
        key, request = next(iter(asked.items()))
        if (
            isinstance(request, dict)
            and request.get("method") == "elicitation/create"
            and (plan := _plan(request.get("params")))
        ):
            return _Question(number, message.get("id"), plan, modern=True, state=result.get("requestState"), key=key)
    return None


def _plan(params: object) -> str | None:
    text = params.get("message") if isinstance(params, dict) else None
    found = _ASKS.fullmatch(text) if isinstance(text, str) else None
    return found[1] if found else None

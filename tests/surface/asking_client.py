"""A client that can be asked, on both protocol eras: it plans, has executed, and answers dialogs as it is told."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.gate_world import World
from tests.surface.wire import ERAS, Wire

YES = {"action": "accept", "content": {"decision": "approve"}}
Answer = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Question → answer; None: it never answers."""


class AskingClient(Wire):
    """`questions` are those that were asked, as the person reads them."""

    def __init__(self, world: World, era: str, capabilities: dict[str, Any] | None = None, **more: Any) -> None:
        self.questions: list[dict[str, Any]] = []
        self.asked_by: Any = None
        super().__init__(
            world.folder, era, capabilities={"elicitation": {}} if capabilities is None else capabilities,
            VETERAN_CONFIG=world.environment["VETERAN_CONFIG"], VETERAN_STATE_DIR=world.settings.state_dir, **more,
        )  # fmt: skip

    def plan(self, operation: str = "restart_service", **parameters: Any) -> str:
        """The id of a fresh plan."""
        answer = self.call(
            "plan_action",
            {"operation": operation, "parameters": parameters or {"service": "shop"}, "told": "#ops", "look_around": False}, 60,
        )  # fmt: skip
        return str(answer["_meta"]["veteran/outcome"]["data"]["plan"])

    def execute(self, plan: str, reply: dict[str, Any] | Answer | None = None, **arguments: Any) -> dict[str, Any]:
        """The result of `execute_action`; a question on the way is answered with `reply`."""
        call = {"name": "execute_action", "arguments": {"plan": plan} | arguments}
        number = self.start("tools/call", call)
        while True:
            message = json.loads(self._lines.get(timeout=90))
            if message.get("method") == "elicitation/create":
                self.asked_by = message["id"]
                answer = self._answer(message["params"], reply)
                if answer is not None:
                    self.send({"jsonrpc": "2.0", "id": message["id"], "result": answer})
            elif message.get("id") == number:
                result = message.get("result") or {"isError": True, "content": [{"text": json.dumps(message["error"])}]}
                if result.get("resultType") != "input_required":
                    return dict(result)
                self.asked_by = result["requestState"]
                ((key, question),) = result["inputRequests"].items()
                answer = self._answer(question["params"], reply)
                if answer is None:
                    return dict(result)
                number = self.start("tools/call", call | {"requestState": self.asked_by, "inputResponses": {key: answer}})
            else:
                self.notes.append(message)

    def _answer(self, question: dict[str, Any], reply: dict[str, Any] | Answer | None) -> dict[str, Any] | None:
        self.questions.append(question)
        return reply(question) if callable(reply) else reply

    def answer_again(self, plan: str, answer: dict[str, Any]) -> dict[str, Any] | None:
        """Send an answer to the last question once more: in the new era that is a call, with a result."""
        if self.era == ERAS[0]:
            self.send({"jsonrpc": "2.0", "id": self.asked_by, "result": answer})
            return None
        call = {"name": "execute_action", "arguments": {"plan": plan}}
        more = {"requestState": self.asked_by, "inputResponses": {"approval": answer}}
        return dict(self.ask("tools/call", call | more, 60)["result"])


@contextmanager
def asking_client(world: World, era: str, capabilities: dict[str, Any] | None = None, **more: Any) -> Iterator[AskingClient]:
    client = AskingClient(world, era, capabilities, **more)
    try:
        yield client
    finally:
        if client.process.poll() is None:
            client.close()
        else:
            client.kill()

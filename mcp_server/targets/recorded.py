"""A place that only remembers: looks made elsewhere, answered again without touching anything."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from mcp_server.core.calls import ANSWER_TYPES, Call
from mcp_server.core.clock import Moment
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.noun import Noun
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line

A = TypeVar("A")


class RecordedLook(Noun):
    """One look: the call and either its answer or how it failed."""

    call: dict[str, Any]
    answer: dict[str, Any] | None = None
    failure: dict[str, str] | None = None


class Recording(Noun):
    """Looks of one place, in the order in which they were made."""

    place: str
    at: Moment
    looks: tuple[RecordedLook, ...]


class Recorded:
    """Answers a call as it was answered then; asked again, the later answer; the last one is repeated."""

    def __init__(self, path: str, policy: ReadSettings) -> None:
        from mcp_server.targets.files import open_for_reading

        try:
            with open_for_reading(path, policy) as file:
                self._recording = Recording.model_validate_json(file.read())
        except (CouldNotLook, ValueError) as error:
            raise BadInput(
                f"`target` names the recording `{one_line(path)}`, which cannot be read: {one_line(error, 300)}"
            ) from None
        self.address = f"recorded:{path}"
        self._looks: dict[str, list[RecordedLook]] = defaultdict(list)
        for look in self._recording.looks:
            self._looks[_key(look.call)].append(look)

    def now(self) -> datetime:
        """The moment the recording was made."""
        return self._recording.at

    def look(self, call: Call[A], limits: Limits) -> A:
        """The remembered answer. A look that was never made is a blind spot, not an empty answer."""
        limits.check()
        remembered = self._looks.get(_key(call.model_dump(mode="json")))
        if not remembered:
            raise CouldNotLook(
                call.title(), "failed", "the recording holds no such look", "record it again with this diagnostic"
            )
        look = remembered.pop(0) if len(remembered) > 1 else remembered[0]
        if look.failure is not None:
            reason: Any = look.failure.get("reason", "failed")
            raise CouldNotLook(call.title(), reason, look.failure.get("detail", ""), look.failure.get("remedy", ""))
        kind: str = getattr(call, "kind", "")
        answer: Any = ANSWER_TYPES[kind].model_validate(look.answer)
        return answer  # type: ignore[no-any-return]


def recording_of(place: str, at: datetime, looks: Iterable[RecordedLook]) -> bytes:
    """The file that `Recorded` reads."""
    return Recording(place=place, at=at, looks=tuple(looks)).model_dump_json(indent=1).encode()


def _key(call: dict[str, Any]) -> str:
    return json.dumps(call, sort_keys=True)

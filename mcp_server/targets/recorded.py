"""A place that only remembers: looks made elsewhere, answered again without touching anything."""

import json
import os
import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import ValidationError

from mcp_server.core.address import Address, parse
from mcp_server.core.call_types import ANSWER_TYPES, AnyCall
from mcp_server.core.calls import Call, ReadHistory
from mcp_server.core.clock import Moment
from mcp_server.core.errors import BadInput, CouldNotLook, Reason
from mcp_server.core.journal_calls import ReadJournal
from mcp_server.core.noun import Noun
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import bytes_text, one_line

A = TypeVar("A")

_MADE_BEFORE = timedelta(seconds=2)
"""A question takes its "now" a moment before its first look."""
MAX_BYTES = 134_217_728
"""A larger recording is refused, because it is read as a whole."""


class RecordedLook(Noun):
    """One look: the call and either its answer or how it failed (`reason`, and where known `detail` and `remedy`)."""

    call: dict[str, Any]
    answer: dict[str, Any] | None = None
    failure: dict[str, str] | None = None


class Recording(Noun):
    """Looks of one place, in the order in which they were made."""

    place: str
    at: Moment
    looks: tuple[RecordedLook, ...]


class _Failure(Noun):
    what: str = ""
    reason: Reason
    detail: str = ""
    remedy: str = ""


class _Look(Noun):
    call: AnyCall
    answer: dict[str, Any] | None = None
    failure: _Failure | None = None


class _Recording(Noun):
    place: str
    at: Moment
    looks: tuple[_Look, ...]


class Recorded:
    """Answers a call as it was answered then; asked again, the later answer; the last one is repeated.

    A damaged recording is refused when it is opened, with a sentence naming the part: it must not look like a damaged
    host later.
    """

    def __init__(self, path: str, policy: ReadSettings) -> None:
        self.address = f"recorded:{path}"
        self._lock = threading.Lock()
        self._looks: dict[str, deque[Noun]] = defaultdict(deque)
        where: tuple[str | int, ...] = ()
        try:
            recording = _Recording.model_validate_json(_content(path, policy))
            self.where: Address = _place(path, recording.place)
            for index, look in enumerate(recording.looks):
                if (look.answer is None) == (look.failure is None):
                    raise _unusable(path, f"`looks.{index}` must hold either an answer or a failure")
                where = ("looks", index, "answer")
                answer = look.failure or ANSWER_TYPES[look.call.kind].model_validate(look.answer)
                self._looks[_key(look.call, recording.at)].append(answer)
        except CouldNotLook as failure:
            raise _unusable(path, failure.detail) from None
        except ValidationError as error:
            raise _unusable(path, _complaint(error, where)) from None
        self._at = recording.at

    def now(self) -> datetime:
        """The moment the recording was made."""
        return self._at

    def look(self, call: Call[A], limits: Limits) -> A:
        """The remembered answer. A look that was never made is a blind spot, not an empty answer."""
        limits.check()
        with self._lock:  # questions are asked in parallel
            remembered = self._looks.get(_key(call, self._at))
            answer: Any = None
            if remembered:
                answer = remembered.popleft() if len(remembered) > 1 else remembered[0]
        if answer is None:
            raise CouldNotLook(
                call.title(), "failed", "the recording holds no such look", "record it again with this diagnostic"
            )
        if isinstance(answer, _Failure):
            raise CouldNotLook(answer.what or call.title(), answer.reason, answer.detail, answer.remedy)
        return answer  # type: ignore[no-any-return]


def recording_of(place: str, at: datetime, looks: Iterable[RecordedLook]) -> bytes:
    """The file that `Recorded` reads."""
    return Recording(place=place, at=at, looks=tuple(looks)).model_dump_json(indent=1).encode()


def _content(path: str, policy: ReadSettings) -> bytes:
    from mcp_server.targets.files import open_for_reading

    with open_for_reading(path, policy) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise _unusable(path, f"it is larger than {bytes_text(MAX_BYTES)}")
        return file.read(MAX_BYTES)


def _place(path: str, name: str) -> Address:
    try:
        where = parse(name)
    except BadInput:
        where = Address("recorded")
    if where.kind == "recorded":
        raise _unusable(path, f"`place` is `{one_line(name, 80)}`, which is no place that can be looked at")
    return where


def _key(call: Call[Any], at: datetime) -> str:
    """What makes two calls the same. Every end from when the recording began means "until now", whenever it was asked."""
    if isinstance(call, ReadHistory | ReadJournal) and call.until > at - _MADE_BEFORE:
        call = call.model_copy(update={"until": at})
    return json.dumps(call.model_dump(mode="json"), sort_keys=True)


def _unusable(path: str, why: str) -> BadInput:
    return BadInput(f"`target` names the recording `{one_line(path)}`, which cannot be used: {why}", "record it again")


def _complaint(error: ValidationError, where: tuple[str | int, ...]) -> str:
    item = error.errors(include_input=False, include_url=False)[0]
    if item["type"] == "json_invalid":
        return "it holds no JSON"
    part = ".".join(str(name) for name in (*where, *item["loc"]))
    return f"`{one_line(part, 200)}`: {one_line(item['msg'], 200)}" if part else "it is no recording"

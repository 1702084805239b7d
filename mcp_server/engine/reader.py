"""The read door, as it is built: limits, redaction and evidence around every look."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from mcp_server.core.calls import Call, Command, Completed, FileText, ReadFile
from mcp_server.core.clock import now, stamp
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.ledger import Ledger
from mcp_server.core.outcome import BlindSpot, Coverage
from mcp_server.core.reader import Limits, Seen
from mcp_server.core.redaction import Redactor
from mcp_server.engine.places import Place

A = TypeVar("A")


class EvidenceReader:
    """Implements `core.reader.Reader` for one question on one place."""

    def __init__(
        self, place: Place, ledger: Ledger, redactor: Redactor, limits: Limits, *,
        asker: str, commands: tuple[str, ...], deadline: float, incident: str | None,
        patterns: str | None = None,
    ) -> None:  # fmt: skip
        self.target, self.where = place.address, place.where
        self.patterns = patterns
        self.now: datetime = place.now()
        self._place, self._ledger, self._redactor, self._limits = place, ledger, redactor, limits
        self._asker, self._commands, self._deadline, self._incident = asker, commands, deadline, incident
        self.evidence: list[str] = []
        self._looked: dict[str, None] = {}
        self._empty: dict[str, None] = {}
        self._blind: list[BlindSpot] = []
        self._cut: list[BlindSpot] = []

    def look(self, call: Call[A]) -> Seen[A]:
        """Look once: check the right to, look, redact, keep, return."""
        left = self._deadline - time.monotonic()
        self._limits.check()
        if left <= 0:
            raise CouldNotLook(call.title(), "timed_out", "the time of the whole question was used up before this look")
        if isinstance(call, Command) and call.argv[0] not in self._commands:
            raise CouldNotLook(call.title(), "refused", f"{self._asker} does not declare the program {call.argv[0]}")
        limits = Limits(min(self._limits.timeout_s, left), self._limits.max_bytes, self._limits.cancel)
        at, started = now(), time.monotonic()
        try:
            answer, payload = self._redacted(call, self._place.look(call, limits))
        except CouldNotLook as failure:
            failure.evidence = self._keep(call, stamp(at), started, failure=failure)
            raise
        evidence = self._keep(call, stamp(at), started, payload=payload)
        self._looked.setdefault(call.title())
        return Seen(value=answer, evidence=evidence)

    def _redacted(self, call: Call[A], answer: A) -> tuple[A, bytes]:
        """The answer without secrets, and its bytes. Any failure withholds it: text is never released unredacted."""
        assert isinstance(answer, BaseModel)
        try:
            data = self._redactor.data(answer.model_dump(mode="json"))
            clean = type(answer).model_validate(data)
            return clean, json.dumps(data, sort_keys=True, ensure_ascii=False).encode("utf8", "backslashreplace")
        except Exception as error:  # noqa: BLE001 -- fails closed
            raise CouldNotLook(call.title(), "withheld", f"redaction failed ({type(error).__name__}); text withheld") from None

    def _keep(
        self, call: Call[Any], at: str, started: float, *, payload: bytes | None = None, failure: CouldNotLook | None = None
    ) -> str:
        body = {
            "target": self.target, "asker": self._asker, "call": self._redactor.data(call.model_dump(mode="json")),
            "started": at, "took_ms": round((time.monotonic() - started) * 1000, 1),
        }  # fmt: skip
        if str(self.where) != self.target:
            body["where"] = str(self.where)
        if failure is not None:
            body["failure"] = self._redactor.data(
                {"what": failure.what, "reason": failure.reason, "detail": failure.detail, "remedy": failure.remedy}
            )
        entry = self._ledger.append("evidence", body, incident=self._incident, blob=payload, durable=False)
        self.evidence.append(f"{self._ledger.mark}E{entry.seq}")
        return self.evidence[-1]

    def patience(self) -> float:
        """See `Reader.patience`."""
        return min(self._limits.timeout_s, max(0.0, self._deadline - time.monotonic()))

    def run(self, argv: Sequence[str]) -> Seen[Completed]:
        """See `Reader.run`."""
        return self.look(Command(argv=tuple(argv)))

    def file(self, path: str, start: int = 0, length: int = 262_144) -> Seen[FileText]:
        """See `Reader.file`."""
        return self.look(ReadFile(path=path, start=start, length=length))

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """See `Reader.part`."""
        try:
            yield
        except CouldNotLook as failure:
            self.missed(what, failure)

    def missed(self, what: str, failure: CouldNotLook) -> None:
        """Note a failed look as a blind spot."""
        spot = BlindSpot(what=what, reason=f"{failure.reason}: {failure.detail}".rstrip(": "), remedy=failure.remedy)
        (self._cut if failure.reason == "cut" else self._blind).append(spot)

    def blind(self, what: str, reason: str, remedy: str = "") -> None:
        """See `Reader.blind`."""
        self._blind.append(BlindSpot(what=what, reason=reason, remedy=remedy))

    def empty(self, what: str) -> None:
        """See `Reader.empty`."""
        self._empty.setdefault(what)

    def cut(self, what: str, rest: str) -> None:
        """See `Reader.cut`."""
        self._cut.append(BlindSpot(what=what, reason="seen in part", remedy=rest))

    def coverage(self) -> Coverage:
        """What this question rests on, redacted like everything else."""
        coverage = Coverage(
            looked=tuple(self._looked), empty=tuple(self._empty), blind=tuple(self._blind), cut=tuple(self._cut)
        )
        return Coverage.model_validate(self._redactor.data(coverage.model_dump(mode="json")))

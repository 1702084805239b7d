"""The few kinds of failure that a caller can act on.

VeteranError
├── BadInput        the caller's arguments are wrong: correct them and call again
├── NotApplicable   the question makes no sense here: nothing to retry
├── CouldNotLook    a look failed: a blind spot with a reason and a remedy; `retry` says whether again may help
├── Cancelled       the caller went away or the deadline passed: nothing is known of what was not yet seen
└── Broken          a declaration, a settings file or the ledger is damaged: a person must mend it first
"""

from typing import Literal

Reason = Literal[
    "missing",  # the program, file, package or service is not there
    "denied",  # permission refused by the system
    "refused",  # refused by our own policy: not a read, or outside the allowed roots
    "timed_out",  # no answer inside the time limit
    "unreachable",  # nothing answered at the address
    "cut",  # the answer was larger than the limit; a part was seen
    "damaged",  # the source is there but cannot be read as what it should be
    "withheld",  # redaction failed, so the text was not released
    "failed",  # the look itself failed in another way
]


class VeteranError(Exception):
    """A sentence for a person, and what to do about it."""

    retry = False

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """The message followed by its remedy."""
        end = "" if self.message.endswith(("?", ".", "!")) else "."
        return f"{self.message}{end} {self.remedy}" if self.remedy else self.message


class BadInput(VeteranError):
    """Arguments that cannot be used; the message names the field, the value and what would be valid."""


class NotApplicable(VeteranError):
    """The question does not apply to this target (no nginx here, so no upstreams to ask about)."""


class CouldNotLook(VeteranError):
    """A look that did not happen or saw only a part.

    `evidence` is the id under which the read door kept the failure: a refused connection can itself be a finding.
    """

    def __init__(self, what: str, reason: Reason, detail: str = "", remedy: str = "") -> None:
        super().__init__(f"{what}: {detail or reason}", remedy)
        self.what = what
        self.reason: Reason = reason
        self.detail = detail
        self.evidence: str | None = None
        self.retry = reason in ("timed_out", "unreachable")


class Cancelled(VeteranError):
    """The call was cancelled; children were ended."""

    retry = True


class Broken(VeteranError):
    """Something of our own is damaged; starting or going on would mean guessing."""

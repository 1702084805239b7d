"""UTC with milliseconds, inside and out."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer, WithJsonSchema

_RELATIVE = re.compile(r"(\d{1,6})\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def now() -> datetime:
    """This machine's clock, UTC, cut to milliseconds."""
    return to_utc(datetime.now(UTC))


def to_utc(moment: datetime) -> datetime:
    """`moment` in UTC with milliseconds; a naive moment is refused, because its zone would be a guess."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} names no time zone")
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def from_epoch(seconds: float) -> datetime:
    """Seconds since 1970 as a UTC moment."""
    return to_utc(datetime.fromtimestamp(seconds, UTC))


def stamp(moment: datetime) -> str:
    """`2026-11-20T10:31:07.412Z`: the only form in which a time leaves the program."""
    return to_utc(moment).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_moment(text: str, reference: datetime | None = None) -> datetime:
    """A moment a person typed: ISO 8601 with a zone (`…Z`, `+02:00`), `now`, or an age such as `15m`, `24h`, `7d`.

    Raises ValueError with a sentence when the text is none of these.
    """
    text = text.strip()
    reference = reference or now()
    if text == "now":
        return reference
    if match := _RELATIVE.fullmatch(text.removesuffix(" ago")):
        return reference - timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("use ISO 8601 with a zone (2026-11-20T10:31:07Z) or an age (15m, 24h, 7d)") from None
    if moment.tzinfo is None:
        raise ValueError("the time names no zone; add Z for UTC or an offset such as +02:00")
    return to_utc(moment)


def _from_json(value: object) -> object:
    return parse_moment(value) if isinstance(value, str) else value


Moment = Annotated[AwareDatetime, AfterValidator(to_utc), PlainSerializer(stamp, when_used="json")]
"""A UTC moment in a record; JSON form is `stamp()`."""

When = Annotated[
    AwareDatetime,
    BeforeValidator(_from_json),
    AfterValidator(to_utc),
    PlainSerializer(stamp, when_used="json"),
    WithJsonSchema({"type": "string", "maxLength": 40, "description": "ISO 8601 with a zone, or an age (15m, 24h, 7d)"}),
]
"""A moment as a parameter: ISO 8601 with a zone, `now`, or an age."""

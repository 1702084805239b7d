"""Announced work, as the settings file names it: `[[maintenance]]`."""

from datetime import UTC, datetime, timedelta, tzinfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mcp_server.core.clock import When, to_utc


class MaintenanceSettings(BaseModel):
    """Announced work: trouble that begins inside of it may be that work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: When = Field(description="when it begins, or begins for the first time: UTC, or with a zone")
    end: When = Field(description="when it ends")
    every_days: int | None = Field(None, ge=1, le=366, description="it comes again after so many days: 1 daily, 7 weekly")
    zone: str = Field(
        "UTC", max_length=60, description="whose clock it comes again by, such as Europe/Vienna: summer time moves it in UTC"
    )
    what: str = Field(min_length=3, max_length=300, description="what is done, in words")
    services: tuple[str, ...] = Field((), description="declared services that it concerns; none: all of them")

    @model_validator(mode="after")
    def _forwards(self) -> "MaintenanceSettings":
        if self.end <= self.start:
            raise ValueError("`end` must be later than `start`")
        if self.every_days and self.end - self.start > timedelta(days=self.every_days):
            raise ValueError("a window that comes again must end before it comes again: `end`, or `every_days`")
        return self

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            _zone(value)
        except (ValueError, KeyError, OSError):
            raise ValueError("no zone of that name is known here; use UTC or one such as Europe/Vienna") from None
        return value

    def around(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """Begin and end, in UTC, of the last time that it began before the moment; None before the first."""
        if moment < self.start:
            return None
        if self.every_days is None:
            return self.start, self.end
        zone = _zone(self.zone)
        first = self.start.astimezone(zone)
        times = (moment.astimezone(zone).date() - first.date()).days // self.every_days
        for count in (times, times - 1):  # later on the same day than the moment
            begin = to_utc(first + timedelta(days=count * self.every_days))
            if count >= 0 and begin <= moment:
                return begin, begin + (self.end - self.start)
        return None


def _zone(name: str) -> tzinfo:
    """Raises KeyError, ValueError or OSError for a zone that is not known here."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)

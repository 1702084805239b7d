"""Announced work, as the settings file names it: `[[maintenance]]`."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mcp_server.core.clock import When


class MaintenanceSettings(BaseModel):
    """Announced work: trouble that begins inside of it may be that work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: When = Field(description="when it begins: UTC, or with a zone")
    end: When = Field(description="when it ends")
    what: str = Field(min_length=3, max_length=300, description="what is done, in words")
    services: tuple[str, ...] = Field((), description="declared services that it concerns; none: all of them")

    @model_validator(mode="after")
    def _forwards(self) -> "MaintenanceSettings":
        if self.end <= self.start:
            raise ValueError("`end` must be later than `start`")
        return self

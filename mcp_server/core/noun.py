"""The base of every record that crosses a border: immutable, and closed to fields nobody declared."""

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """Immutable record; unknown fields are refused. Schemas are built on first use to keep start-up short."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

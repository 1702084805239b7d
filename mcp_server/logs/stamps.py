"""The clock of one log: a reader that learns how a source writes its times and then reads them fast, in UTC."""

from datetime import UTC, datetime, tzinfo

from mcp_server.logs.time import find_stamp, in_utc

HEAD = 400


class StampReader:
    """Reads the stamps of one source. Zone rule: named in the line > `zone` (configured) > `host_zone`.

    `reference` (UTC; the file's mtime, default now) settles years and dates that lines do not name.
    """

    def __init__(
        self, *, zone: tzinfo | None = None, host_zone: tzinfo | None = None, reference: datetime | None = None
    ) -> None:
        self._zone = zone or host_zone or UTC
        self._reference = reference

    def at(self, line: str | bytes) -> datetime | None:
        """The instant of a line in UTC, or None where the line has no stamp of its own. Never raises."""
        text = line[:HEAD].decode("utf-8", "replace") if isinstance(line, bytes) else line
        return in_utc(find_stamp(text, self._reference), self._zone)

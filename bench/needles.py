"""A whole log file in one summary: for scoring against logs in which an answer is hidden."""

from pathlib import Path

from mcp_server.logs.records import split
from mcp_server.logs.summary import summarise


def overview(path: str, budget: int) -> str:
    """The summary of the file in at most `budget` characters."""
    return summarise(split(Path(path).read_text(encoding="utf-8", errors="replace")).records, budget).text

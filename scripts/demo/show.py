"""What the demonstration shows: progress while it works, and at its end a page worth reading."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from scripts.demo.client import Diagnosis


class Terminal:
    """One line per step, with the seconds since the start; on a terminal also what the step is doing now."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._began, self._live = stream, time.monotonic(), stream.isatty()

    def step(self, what: str) -> None:
        """A new step begins."""
        self.done()
        self._stream.write(f"{time.monotonic() - self._began:6.1f} s  {what}\n")
        self._stream.flush()

    def detail(self, what: str) -> None:
        """What the present step is doing; only where it can be overwritten."""
        if self._live:
            self._stream.write(f"\r\x1b[K{time.monotonic() - self._began:6.1f} s    … {what[:90]}")
            self._stream.flush()

    def done(self) -> None:
        """Remove what would be overwritten."""
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def conclusion(diagnosis: "Diagnosis", folder: Path, reports: list[Path]) -> str:
    """The verdicts with their coverage, the probable cause as the server tells it, and where the reports are.

    `folder` is the demonstration's own, shown as SHOP; changes that explain nothing are counted after the first three.
    """
    rows = [_row(part) for part in diagnosis.data["triage"].get("parts", [])]
    widths = [max(len(row[column]) for row in [_HEAD, *rows]) for column in range(len(_HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [_HEAD, *rows]]
    table.insert(1, "  ".join("─" * width for width in widths))
    told = diagnosis.texts["probable_cause"].splitlines()
    idle = [line for line in told if line.startswith("  not linked")]
    told = [line for line in told if line not in idle[3:]]
    if idle[3:]:
        told.insert(told.index(idle[2]) + 1, f"  … {len(idle) - 3} more lines of this kind are in the report")
    files = [f"  {path}" for path in reports]
    text = "\n".join(["", *table, "", *told, "", f"SHOP is {folder}. Reports:", *files, ""])
    return text.replace(f"{folder}/", "SHOP/")


_HEAD = ("verdict", "question", "looks", "not seen", "id")


def _row(part: dict[str, Any]) -> tuple[str, ...]:
    coverage = part.get("coverage", {})
    missed = [spot["what"] for spot in (*coverage.get("blind", []), *coverage.get("cut", []))]
    unseen = "" if not missed else _short(missed[0]) + (f" and {len(missed) - 1} more" if len(missed) > 1 else "")
    return (part["verdict"].upper(), part["name"], str(len(coverage.get("looked", []))), unseen, part.get("id") or "")


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

"""What rotated logs are called: `a.log.1`, `a.log.2.gz`, `a.log-20261119.xz`, `a.log.2026-11-19`, `a-20261119.log`."""

import re

ENDINGS = ("gz", "bz2", "xz", "lzma", "zst")
"""Of names of packed files."""
_PACKED = rf"(?:\.(?:{'|'.join(ENDINGS)}))?"
_NUMBER = r"\d{1,4}"
_DATE = r"(?:19|20)\d\d[-_.]?\d\d(?:[-_.]?\d\d)?(?:[-_.T]?\d\d(?:[-_.:]?\d\d){0,2})?(?:[-_.]\d{1,4})?"


def rotated_names(name: str) -> re.Pattern[str]:
    """What the log `name` (without its folder) and its rotated predecessors are called; to be asked with `fullmatch`."""
    stem, dot, ending = name.rpartition(".")
    shapes = [rf"{re.escape(name)}(?:\.{_NUMBER}|[.\-_]{_DATE}(?:\.{_NUMBER})?|\.old|\.bak)?{_PACKED}"]
    if dot and stem:
        shapes.append(rf"{re.escape(stem)}(?:\.{_NUMBER}|[.\-_]{_DATE}){re.escape('.' + ending)}{_PACKED}")
    return re.compile("|".join(shapes), re.ASCII)


def rank(path: str) -> int:
    """`.2` is older than `.1`, whatever the clock says: its negative number, 0 for a name without one."""
    number = re.search(r"\.(\d{1,4})(?:\.\w+)?$", path)
    return -int(number[1]) if number else 0


def is_packed(path: str) -> bool:
    """Whether its name says that it is packed."""
    return path.rpartition(".")[2] in ENDINGS

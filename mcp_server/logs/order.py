"""Day or month first? The order of numeric dates of one source, settled by all its lines together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

Triple = tuple[int, int, int | None]
"""The numbers of a date as written; the last is None where no year is written."""


def full_year(year: int | None) -> int | None:
    """A year of two digits lies between 1970 and 2069."""
    if year is None or year > 99:
        return year
    return 2000 + year if year < 70 else 1900 + year


@dataclass(frozen=True, slots=True)
class Order:
    """`mdy`, `dmy` or `ymd`. `assumed`: no line decided it, only the usage of its separator."""

    name: str
    assumed: bool

    def apply(self, triple: Triple) -> tuple[int | None, int, int] | None:
        """(year, month, day), or None where this order makes no date."""
        first, second, third = triple
        if self.name == "ymd":
            found = (2000 + first, second, third or 0)
        elif self.name == "mdy":
            found = (full_year(third) or 0, first, second)
        else:
            found = (full_year(third) or 0, second, first)
        try:
            date(found[0] or 2000, found[1], found[2])
        except ValueError:
            return None
        return (found[0] or None, found[1], found[2])


def settle(triples: Sequence[Triple], sign: str, width: int, reference: datetime) -> Order:
    """The order under which the lines make sense: all are dates, none in the future, few go backwards, in a short span."""
    usual = {"/": "mdy", ".": "dmy", "-": "mdy" if triples[0][2] is None else "dmy"}.get(sign, "mdy")
    names = ["mdy", "dmy"]
    if width == 2 and all(triple[2] is not None for triple in triples):
        names.append("ymd")
    latest = (reference + timedelta(days=1)).date()
    scored = sorted((_sense(Order(name, False), triples, latest), name != usual, name) for name in names)
    tie = len(scored) > 1 and scored[0][0] == scored[1][0]
    return Order(scored[0][2], tie)


def _sense(order: Order, triples: Sequence[Triple], latest: date) -> tuple[int, int, int, int, int]:
    """(no dates, in the future, steps back, days spanned, years ago): smaller makes more sense."""
    found = [order.apply(triple) for triple in triples]
    whole = [item for item in found if item]
    days = [date(year or 2000, month, day) for year, month, day in whole]
    if not days:
        return len(found), 0, 0, 0, 0
    future = sum(day > latest for (year, _, _), day in zip(whole, days, strict=True) if year)
    back = sum(after < before for before, after in pairwise(days))
    return len(found) - len(whole), future, back, (max(days) - min(days)).days, abs(latest.year - max(days).year)

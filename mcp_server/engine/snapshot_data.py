"""A snapshot: what a host consisted of at one moment, and what differs between two of them. Pure: data in, data out."""

from collections.abc import Iterable, Mapping

from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import BlindSpot

FORM = 1
"""Of the file; another one is refused."""


class Item(Noun):
    """One thing and its state in one line. An empty state was not told: it differs from nothing."""

    item: str
    state: str = ""


class Part(Noun):
    """One kind of thing. `blind` is what could not be read of it; `whole` whether every thing of the kind is here."""

    items: tuple[Item, ...] = ()
    whole: bool = True
    blind: tuple[BlindSpot, ...] = ()
    evidence: tuple[str, ...] = ()

    def states(self) -> dict[str, str]:
        """State by item."""
        return {item.item: item.state for item in self.items}


class Snapshot(Noun):
    """What a host consisted of. `folders` and `pythons` are what was named beside the usual places."""

    form: int = FORM
    place: str
    at: Moment
    folders: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    parts: Mapping[str, Part]


class Difference(Noun):
    """One thing that is not as it was; None where it was not there, or is not there any more."""

    part: str
    item: str
    before: str | None
    after: str | None


def differences(before: Snapshot, after: Snapshot) -> tuple[tuple[Difference, ...], tuple[BlindSpot, ...]]:
    """What differs, and what could not be compared.

    Of a part that was not seen whole on one side, that something is only on the other side proves nothing: such
    differences are not told, and the part is a blind spot.
    """
    found: list[Difference] = []
    blind: list[BlindSpot] = []
    for name in dict.fromkeys((*before.parts, *after.parts)):
        old, new = before.parts.get(name), after.parts.get(name)
        if old is None or new is None:
            side = "the snapshot" if old is None else "the present look"
            blind.append(BlindSpot(what=name, reason=f"{side} holds no such part", remedy="take a new snapshot"))
            continue
        blind += [spot.model_copy(update={"what": f"{spot.what} (in the snapshot)"}) for spot in old.blind]
        blind += new.blind
        found += _of_part(name, old, new)
    return tuple(found), tuple(blind)


def _of_part(name: str, old: Part, new: Part) -> Iterable[Difference]:
    was, is_now = old.states(), new.states()
    for item in sorted(was.keys() | is_now.keys()):
        before, after = was.get(item), is_now.get(item)
        if before is None and old.whole:
            yield Difference(part=name, item=item, before=None, after=after)
        elif after is None and new.whole:
            yield Difference(part=name, item=item, before=before, after=None)
        elif before and after and before != after:
            yield Difference(part=name, item=item, before=before, after=after)

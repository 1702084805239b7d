"""The parts of a score, one function each. Every number is a prior that a reader can argue with; none comes from test data."""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mcp_server.core.outcome import Value
from mcp_server.engine.ranking_blast import Blast, blast
from mcp_server.engine.ranking_clues import HOW_AROUND, all_shared
from mcp_server.engine.ranking_data import Candidate, Edge, Part, Past, Symptom
from mcp_server.engine.ranking_elsewhere import Elsewhere

NEAR_S, NEAREST, PER_FOURFOLD, FARTHEST = 60.0, 12.0, 4.0, -18.0
"""Within a minute of the onset a change gets 12 points; four times the distance takes four off: 0 at an hour, -8 at a day."""
CLASS = {
    "migration": 5,
    "configuration": 4,
    "code": 4,
    "infrastructure": 4,
    "dependency": 3,
    "data": 0,
    "other": 0,
    "runtime": -10,
}
KIND = {"attributes": -6, "remove": 3, "downgrade": 3, "purge": 3, "merge": -1, "fail": -40}
"""A failure is what is to be explained; another one's failure may stand between, and then points to its own cause."""
HARMLESS = -20
HARMLESS_FILES = re.compile(
    r"\.(?:md|rst|adoc|png|jpe?g|svg|gif|drawio)$|(?:^|/)(?:tests?|docs?|examples?|\.github)/|(?:^|/)test_[^/]+$"
    r"|(?:^|/)(?:README|LICEN[CS]E|CHANGELOG|AUTHORS|NOTICE|CODEOWNERS|\.gitignore|\.editorconfig)[^/]*$", re.I
)  # fmt: skip
REST, REST_CAP = 0.5, 30.0
"""What further clues add to the best one."""
SAME, DISTANCE, CALLER, NO_PATH = 12.0, (10.0, 7.0, 5.0, 3.0), 2.0, -12.0
BLAST_PER_DOUBLING, BLAST_OFFSET, BLAST_MOST, BLAST_LEAST = 12.0, 8.0, 70.0, -12.0
ALIKE, OLDER = -20.0, -6.0
SEVERAL, MACHINES = 2, 12.0
"""From so many other components with sick instances on, a comparison of instances says at most so much."""
OUTSIDE, OUTSIDE_COMPARED, DWARFED = -24.0, -12.0, 3.0
"""Where components that it cannot reach suffer as much, something else is at work, or two things are. A comparison
with unchanged instances has taken out what hit both, so it loses half, unless others suffer so many times as much."""
ALONE_MOST, CROWDED, TURNED_BEFORE, LATER, LATER_MORE, LEAST_LEFT = 36.0, -15.0, -40.0, -10.0, 6.0, 4.0
"""Without an instance to compare with, something else may have come at the same time: so many points at most, fewer the
less the moment in which the metric turned is the moment of the change (and more off for each doubling of the time between)."""
UNDONE_BEFORE, SUPERSEDED, UNDONE_GOES_ON, UNDONE_ENDED = -35.0, -20.0, -20.0, 12.0
AFTER_UNDOING = timedelta(minutes=5)
HISTORY_CLUE, HISTORY_COMPONENT = 14.0, 6.0
ECHO_HARMLESS, ECHO_TROUBLE, ECHO_AGE = -8.0, 14.0, 5.0
ECHOES = (
    (timedelta(hours=24), timedelta(minutes=5)),
    (timedelta(days=7), timedelta(minutes=15)),
    (timedelta(days=30), timedelta(minutes=30)),
)
"""Rhythms in which things recur, and how exactly."""
RECURRING = re.compile(r"cert|tls|ssl|cron|timer|rotat|batch|backup|token|lease|licen[cs]e|expir|renew|schedul", re.I)


@dataclass(frozen=True)
class Context:
    """What the parts need to know of the whole."""

    alike: Mapping[tuple[str, ...], Sequence[datetime]]
    """Times of changes that are the same thing happening again, in order."""
    undoing: Mapping[str, Sequence[Candidate]]
    """Changes that take something back, by component."""
    callees: Mapping[str, tuple[str, ...]]
    mapped: frozenset[str]
    failing: tuple[str, ...]
    last_seen: datetime | None
    distance: Mapping[str, int]
    """Steps from a failing component down to each that it needs."""
    above: frozenset[str]
    """Components that need a failing one."""


def context(
    candidates: Sequence[Candidate], edges: Sequence[Edge], symptoms: Sequence[Symptom], earlier: Sequence[Candidate] = ()
) -> Context:
    """The dependency map as seen from what fails. Cycles are survived."""
    callees: dict[str, list[str]] = {}
    callers: dict[str, list[str]] = {}
    for edge in edges:
        callees.setdefault(edge.caller, []).append(edge.callee)
        callers.setdefault(edge.callee, []).append(edge.caller)
    failing = tuple(dict.fromkeys(item.component for item in symptoms if item.component))
    alike: dict[tuple[str, ...], list[datetime]] = {}
    undoing: dict[str, list[Candidate]] = {}
    for item in sorted((*candidates, *earlier), key=lambda item: item.at):
        alike.setdefault(_same(item), []).append(item.at)
    for item in sorted(candidates, key=lambda item: item.at):
        if item.kind == "downgrade" or item.text.startswith("Revert "):
            undoing.setdefault(item.component, []).append(item)
    last = [item.last for item in symptoms if item.last]
    return Context(
        alike, undoing, {name: tuple(found) for name, found in callees.items()}, frozenset({*callees, *callers}), failing,
        max(last, default=None), _steps(failing, callees), frozenset(_steps(failing, callers)),
    )  # fmt: skip


def _steps(begin: Sequence[str], edges: Mapping[str, Sequence[str]]) -> dict[str, int]:
    found = dict.fromkeys(begin, 0)
    pending = list(begin)
    for name in pending:
        for other in edges.get(name, ()):
            if other not in found:
                found[other] = found[name] + 1
                pending.append(other)
    return found


def prior_parts(change: Candidate, onset: datetime, onset_doubt: timedelta) -> Iterator[Part]:
    """How near in time, and how often such changes break things."""
    before, doubt = (onset - change.at).total_seconds(), change.doubt_ms / 1000 + onset_doubt.total_seconds()
    if doubt > max(abs(before), NEAR_S) and before > -doubt:
        yield Part(
            name="time",
            points=0.1,
            text="its time is in doubt by {doubt} s, so nearness says nothing",
            values={"doubt": round(doubt)},
        )
    elif before >= -doubt:
        points = NEAREST - PER_FOURFOLD * math.log(max(before, NEAR_S) / NEAR_S, 4)
        text, values = "{before} before the onset", {"before": span(max(0.0, before))}
        if before < 1:
            text, values = "in the second of the onset, as far as the clocks tell", {}
        yield Part(name="time", points=round(max(FARTHEST, points), 1), text=text, values=values)
    else:
        yield Part(name="time", points=-100, text="{after} after the onset", values={"after": span(-before)})
    kinds = change.kinds()
    points = max((CLASS.get(kind, 0) for kind in kinds), default=0) + KIND.get(change.kind, 0)
    if points:
        yield Part(
            name="class", points=points, text="{kind} of " + "/".join(kinds[:3]), values={"kind": change.kind or "change"}
        )
    files = [
        clue.removeprefix("path:")
        for clue in change.all_clues()
        if clue.startswith("path:") and clue != f"path:{change.component}"
    ]
    if files and change.source != "files" and all(HARMLESS_FILES.search(file) for file in files):
        yield Part(name="class", points=HARMLESS, text="touches only documents and tests")


def span(seconds: float) -> str:
    """`40 s`, `12 min`, `5 h`, `3 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def clue_part(change: Candidate, symptoms: Sequence[Symptom]) -> Part | None:
    """The most telling clue shared with the symptoms; further ones add a little. The same checkout is a place, no link."""
    shared = [item for item in all_shared(symptoms, change) if item.kind != "component"]  # that is the place's to say
    if not shared:
        return None
    best, rest = shared[0], sum(item.weight for item in shared[1:] if item.how != HOW_AROUND)
    text, values = f"shares {best.kind} {{value}} ({best.how})", {"value": best.value}
    if best.how == HOW_AROUND:
        return Part(name="place", points=best.weight, text=text, values=values)
    return Part(name="clue", points=round(best.weight + min(REST_CAP, REST * rest), 1), text=text, values=values)


def place_part(change: Candidate, known: Context) -> Part | None:
    """Same component as what fails, or below it in the dependency map. Nothing is said where the map does not know both."""
    name = change.component
    if not known.failing or not name:
        return None
    if name in known.failing:
        return Part(name="place", points=SAME, text="the failing component itself")
    if name in known.distance:
        steps = known.distance[name]
        points = DISTANCE[min(steps, len(DISTANCE)) - 1]
        return Part(name="place", points=points, text="{steps} below the failing component in the map", values={"steps": steps})
    if name in known.above:
        return Part(name="place", points=CALLER, text="calls the failing component")
    if name in known.mapped and any(item in known.mapped for item in known.failing):
        return Part(name="place", points=NO_PATH, text="nothing that fails depends on it")
    return None


def blast_part(change: Candidate, elsewhere: Elsewhere, doubt: timedelta) -> tuple[list[Part], list[str]]:
    """The comparison of instances as points, with what speaks against it elsewhere; or what could not be compared."""
    seen = blast(change, elsewhere.observed, elsewhere.onset, doubt.total_seconds())
    if isinstance(seen, str):
        return [], [seen.replace("{component}", change.component or change.id)]
    part = _blast_points(seen)
    if part.points <= 0:
        return [part], []
    if not seen.alone and len(odd := elsewhere.machines(change)) >= SEVERAL:
        text = part.text + ", but single instances of {odd} other components fell sick as well, as machines fail"
        values = part.values | {"odd": len(odd)}
        part = part.model_copy(update={"points": min(part.points, MACHINES), "text": text, "values": values})
    if not (outside := elsewhere.outside(change, seen)):
        return [part], []
    points = OUTSIDE if seen.alone or max(outside.values()) >= DWARFED else OUTSIDE_COMPARED
    text = "{components} got worse at that moment too, and cannot have got it from there"
    return [part, Part(name="elsewhere", points=points, text=text, values={"components": ", ".join(outside)})], []


def _blast_points(seen: Blast) -> Part:
    values: dict[str, Value] = {
        "metric": seen.metric, "changed": seen.changed, "unchanged": seen.unchanged, "z": round(seen.z, 1),
        "after": round(seen.after, 4), "before": round(seen.before, 4),
    }  # fmt: skip
    chance = f", p = {seen.p:.3f}" if seen.p is not None else ""
    points = BLAST_PER_DOUBLING * math.log2(1 + seen.z) - BLAST_OFFSET
    sizes = "{changed} changed" + (", {unchanged} unchanged" if seen.unchanged else "")
    if points < 0 and seen.shared:
        return Part(name="blast", points=ALIKE, text=f"unchanged instances fail alike ({sizes})", values=values)
    text = f"{seen.how}: {{metric}} {{before}} → {{after}}, effect {{z}} of its noise{chance} ({sizes})"
    if points < 0:
        text = f"instances with it do no worse ({sizes})"
    if seen.earlier and points > 0:
        points, text = max(0.0, points + OLDER), text + ", but that was so well before the onset"
    if seen.alone and points > 0:
        points, told, more = _alone_points(min(points, ALONE_MOST), seen)
        values |= more
        text += told
    return Part(name="blast", points=round(max(BLAST_LEAST, min(BLAST_MOST, points)), 1), text=text, values=values)


def _alone_points(points: float, seen: Blast) -> tuple[float, str, dict[str, Value]]:
    """What the moment of the turn and the traffic leave of a comparison with the own past; a change that brings a fault
    later is possible, and still likelier than one where nothing turned at all."""
    if seen.gap is not None and seen.gap < -2 * seen.blur:
        return points + TURNED_BEFORE, ", but it turned {gap} before", {"gap": span(-seen.gap)}
    text, values = "", dict[str, Value]()
    least = min(points, LEAST_LEFT)
    if seen.gap is not None and seen.gap > seen.blur:
        points += LATER - LATER_MORE * math.log2(seen.gap / seen.blur)
        text, values = ", but it turned only {gap} later", {"gap": span(seen.gap)}
    if seen.crowd:
        points, text = points + CROWDED, text + ", but its traffic grew as well"
    return max(points, least), text, values


def undone_part(change: Candidate, known: Context, onset: datetime) -> Part | None:
    """Reverted or replaced since: before the onset it can hardly be the cause; after it, what happened then tells."""
    reverted = change.reverted_at or _reverted(change, known.undoing.get(change.component, ()))
    if reverted is None:
        if change.superseded_at and change.superseded_at < onset:
            return Part(name="undone", points=SUPERSEDED, text="replaced before the onset")
        return None
    if reverted < onset:
        return Part(name="undone", points=UNDONE_BEFORE, text="undone before the onset")
    if known.last_seen is None:
        return None
    if known.last_seen > reverted + AFTER_UNDOING:
        return Part(name="undone", points=UNDONE_GOES_ON, text="undone after the onset, and the trouble went on")
    return Part(name="undone", points=UNDONE_ENDED, text="the trouble ended when it was undone")


def _reverted(change: Candidate, undoing: Sequence[Candidate]) -> datetime | None:
    """When a later change of the same component took it back: a revert commit by its subject, a package back to its version."""
    for other in undoing:
        if other.at < change.at or other is change:
            continue
        if change.text and other.text.startswith(f'Revert "{change.text}'[:70]):
            return other.at
        if other.kind == "downgrade" and change.kind == "upgrade":
            return other.at
    return None


def _same(change: Candidate) -> tuple[str, ...]:
    return (change.source, change.kind, change.component, change.text)


def _again(times: Sequence[datetime], moment: datetime, exact: timedelta) -> datetime | None:
    place = bisect_left(times, moment - exact)
    return times[place] if place < len(times) and times[place] <= moment + exact else None


def history_parts(change: Candidate, known: Context, history: Sequence[Past], onset: datetime) -> Iterator[Part]:
    """Earlier incidents with the same cause, and what recurs: a day, a week, a month ago, with and without trouble."""
    own = set(change.all_clues())
    for past in sorted(history, key=lambda item: item.at, reverse=True):
        clue = next((item for item in past.clues if item in own), None)
        if clue or (past.component and past.component == change.component and past.kind in ("", change.kind)):
            text = "an earlier incident had this cause" if clue else "an earlier incident came from this component"
            yield Part(name="history", points=HISTORY_CLUE if clue else HISTORY_COMPONENT, text=text)
            break
    for period, exact in ECHOES:
        echo = _again(known.alike[_same(change)], change.at - period, exact)
        if echo is not None:
            trouble = any(abs(past.at - echo) <= exact + timedelta(minutes=30) for past in history)
            text = "the same happened {ago} earlier, " + ("with trouble too" if trouble else "without trouble that is known")
            yield Part(
                name="echo",
                points=ECHO_TROUBLE if trouble else ECHO_HARMLESS,
                text=text,
                values={"ago": span(period.total_seconds())},
            )
            break
        if abs(onset - change.at - period) <= exact and RECURRING.search(
            " ".join((change.kind, change.component, change.text))
        ):
            yield Part(
                name="echo",
                points=ECHO_AGE,
                text="the onset falls {ago} after it, as things recur or expire",
                values={"ago": span(period.total_seconds())},
            )
            break

"""Which change did it? A plain, deterministic function over data; it looks at nothing and needs no target.

`rank(changes, onset, symptoms=…, observations=…, edges=…, history=…, onset_doubt=…)` gives every change a score and shows the
parts it is made of. Ten points double the odds; negative parts are counter-evidence. A change is named only when its score is
at least `NAMED` and enough of that (`SUPPORT`) is a link to the symptom: being near in time or of a risky kind names nobody.
Otherwise the answer is "no observed change explains this", with what could not be looked at.

`rank_json(data)` is the same over plain JSON. The shapes, the parts and their weights: docs/ranking.md.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from mcp_server.core.change import Change
from mcp_server.core.outcome import Statement, Value
from mcp_server.engine.ranking_data import Candidate, Edge, Part, Past, Ranked, Ranking, Series, Symptom, candidates_of
from mcp_server.engine.ranking_elsewhere import Elsewhere
from mcp_server.engine.ranking_frames import frame_parts
from mcp_server.engine.ranking_metrics import Observations
from mcp_server.engine.ranking_parts import blast_part, clue_part, context, history_parts, place_part, prior_parts, undone_part
from mcp_server.engine.ranking_words import word_points

NAMED, SUPPORT = 25.0, 16.0
"""Score from which a change is named, and how much of it must come from links. About: six times likelier than a change
picked blindly, and one telling clue, a clear difference between changed and unchanged instances, or several rare words."""
LINKS = ("clue", "frame", "words", "blast", "elsewhere", "history")
ONSET_DOUBT = timedelta(seconds=1)
"""Most logs stamp whole seconds."""


def rank(
    changes: Sequence[Change | Candidate], onset: datetime, *, symptoms: Sequence[Symptom] = (),
    observations: Sequence[Series] | None = None, edges: Sequence[Edge] | None = None, history: Sequence[Past] | None = None,
    onset_doubt: timedelta = ONSET_DOUBT, unseen: Iterable[str] = (), earlier: Sequence[Change | Candidate] = (),
) -> Ranking:  # fmt: skip
    """Every change with its score and reasons, the most probable first; those that came after the onset last.

    `unseen` names what the caller could not look at; it stands in the answer beside what was missing here. `earlier` are
    changes of a day, a week or a month before: they are not ranked, and tell what recurs.
    """
    candidates = candidates_of(changes)
    known = context(candidates, edges or (), symptoms, candidates_of(earlier))
    observed = Observations(observations, known.callees) if observations else None
    clues = [clue_part(change, symptoms) for change in candidates]
    said = [str(part.values["value"]) if part and part.name == "clue" else "" for part in clues]
    words = word_points(symptoms, candidates, said)
    failed = frame_parts(candidates, symptoms, onset + onset_doubt)
    missing = dict.fromkeys(unseen)
    elsewhere = Elsewhere(observed, candidates, onset.timestamp()) if observed is not None else None
    ranked = []
    for index, change in enumerate(candidates):
        late = change.at - timedelta(milliseconds=change.doubt_ms) > onset + onset_doubt
        parts: list[Part | None] = [*prior_parts(change, onset, onset_doubt)]
        if not late:
            parts += [clues[index], failed[index], words_part(*words[index]), place_part(change, known)]
            parts += [undone_part(change, known, onset), *history_parts(change, known, history or (), onset)]
            if elsewhere is not None:
                compared, blind = blast_part(change, elsewhere, onset_doubt)
                parts += compared
                missing |= dict.fromkeys(blind)
        kept = sorted((part for part in parts if part is not None and part.points), key=lambda part: -abs(part.points))
        ranked.append(_ranked(index, change, kept, late))
    ranked.sort(key=lambda item: _order(item, candidates[item.index], onset))
    if observed is None:
        missing["instances with and without each change (no observations)"] = None
    if not symptoms and observed is None:
        missing["the symptom (nothing is known of it: the order rests on time and kind alone)"] = None
    return _concluded(ranked, tuple(missing))


def words_part(points: float, words: Sequence[str]) -> Part | None:
    """Words of the symptom that stand in the change."""
    return (
        Part(name="words", points=points, text="the symptom's words {words} stand in it", values={"words": ", ".join(words)})
        if points
        else None
    )


def _ranked(index: int, change: Candidate, parts: Sequence[Part], late: bool) -> Ranked:
    total = sum(part.points for part in parts)
    support = sum(part.points for part in parts if part.name in LINKS)
    return Ranked(
        index=index, id=change.id, score=round(total, 1), support=round(support, 1), excluded="after" if late else "",
        parts=tuple(parts),
    )  # fmt: skip


def _order(item: Ranked, change: Candidate, onset: datetime) -> tuple[bool, float, float, str]:
    """Before the onset by score; then after it, the nearest first."""
    distance = abs((onset - change.at).total_seconds())
    return (bool(item.excluded), 0.0 if item.excluded else -item.score, distance, change.component)


def _concluded(ranked: Sequence[Ranked], missing: tuple[str, ...]) -> Ranking:
    able = [item for item in ranked if not item.excluded]
    best = able[0] if able else None
    if best is None or best.score < NAMED or best.support < SUPPORT:
        text = "no observed change explains this" + ("; not everything could be looked at" if missing else "")
        return Ranking(changes=tuple(ranked), named=None, conclusion=Statement(text=text), unseen=missing)
    second = able[1].score if len(able) > 1 else -math.inf
    text = "{change} explains it best" + (", but another one comes close" if best.score - second < 10 else "")
    return Ranking(
        changes=tuple(ranked), named=best.id, conclusion=Statement(text=text, values={"change": best.id}), unseen=missing
    )


def reasons(item: Ranked, most: int = 4) -> tuple[str, dict[str, Value]]:
    """The parts as one text with its values: the strongest first, and the strongest counter-evidence always among them."""
    parts = list(item.parts[:most])
    against = [part for part in item.counter() if part not in parts][:1]
    told: list[str] = []
    values: dict[str, Value] = {}
    for number, part in enumerate([*parts, *against]):
        text = part.text
        for key, value in part.values.items():
            text = text.replace("{" + key + "}", "{" + f"{key}_{number}" + "}")
            values[f"{key}_{number}"] = value
        told.append(f"{text} {part.points:+g}")
    return "; ".join(told), values


def rank_json(data: Mapping[str, object]) -> dict[str, object]:
    """`rank` over plain JSON; docs/ranking.md has the shapes. Raises BadInput naming the field, the value and what is valid."""
    from mcp_server.engine.ranking_json import asked_of

    asked = asked_of(data)
    series = asked.all_series()
    ranking = rank(
        asked.changes, asked.onset, symptoms=asked.all_symptoms(), observations=series, edges=asked.edges,
        history=asked.history, earlier=asked.earlier, onset_doubt=asked.doubt(series), unseen=asked.unseen,
    )  # fmt: skip
    return {**ranking.model_dump(mode="json"), "sentence": ranking.conclusion.told(str)}

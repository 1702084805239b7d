"""`rank_changes`: somebody's own changes and observations, from a JSON file, ranked by the same function as ours."""

import json
from typing import Annotated

from pydantic import Field, StringConstraints

from mcp_server.core.calls import ReadFile
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import BlindSpot, Coverage, Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.engine.places import resolve
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

VERB = Verb(
    summary="Which change did it? Ranks changes from a JSON file, with per-instance series where given (docs/ranking.md)",
    group="diagnose",
    tool=False,
    examples=({"file": "/srv/incident/releases.json"},),
)
LONGEST = 16_777_216


class Params(Parameters):
    """Where the data are."""

    file: Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4_096)] = Field(
        description="JSON file, absolute path, at most 16 MiB"
    )
    limit: int = Field(10, ge=1, le=200, description="Changes listed; the data hold all")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Read, rank, tell. The file is data: nothing in it is carried out. Raises BadInput, CouldNotLook."""
    return tell(session, asking, "rank_changes", params, lambda: _told(session, params, asking), "local")


def _told(session: Session, params: Params, asking: Asking) -> Told:
    from mcp_server.engine.ranking import rank_json, reasons
    from mcp_server.engine.ranking_data import Ranking

    place, limits = resolve("local", session.settings.read), Limits(session.settings.limits.look_s, LONGEST, asking.cancel)
    seen = place.look(ReadFile(path=params.file, length=LONGEST), limits)
    if seen.size > LONGEST:
        raise BadInput(f"`file` has {seen.size:,} bytes; at most {LONGEST:,} are read: leave out series or thin their points")
    try:
        data = json.loads(seen.text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"`file` is no JSON: {one_line(error)}") from None
    answer = rank_json(data)
    ranking = Ranking.model_validate({key: answer[key] for key in Ranking.model_fields})
    said = [ranking.conclusion]
    for item in ranking.changes[: params.limit]:
        told, values = reasons(item)
        said.append(Statement(text="{id} — score {score}: " + told, values={"id": item.id, "score": item.score, **values}))
    left = len(ranking.changes) - params.limit
    cut = (BlindSpot(what=f"{left} of {len(ranking.changes)} changes are not listed", reason="the answer's limit"),)
    declared = data.get("unseen", ()) if isinstance(data, dict) else ()
    return Told(
        statements=tuple(said), data=answer,
        coverage=Coverage(
            looked=(params.file,), empty=tuple(item for item in ranking.unseen if item not in declared),
            blind=tuple(BlindSpot(what=item, reason="the file says so") for item in declared), cut=cut if left > 0 else (),
        ),
    )  # fmt: skip

"""Do the playbooks have the form in which somebody can follow them at night?"""

from mcp_server.core.outcome import Coverage, FindingType, Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """None: the shipped pages, and those of `[knowledge] playbooks`."""


VERB = Verb(
    summary="Do the playbooks, ours and your own, have the form that can be followed? What is left out, and why?",
    group="record",
    tool=False,
    examples=({},),
)
LEFT_OUT = FindingType(
    code="left_out",
    text="{path} is left out: {reason}",
    meaning="The page cannot be carried out; no incident is routed to it.",
    advice="Mend what is named, then ask again.",
)
FORM = FindingType(
    code="form",
    text="{path}: {reason}",
    meaning="The page is carried out, and lacks something that people need when they read it.",
    advice="Add what is named; docs/incident_response/workflows shows the form.",
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Reads the pages anew."""
    return tell(session, asking, "check_playbooks", params, lambda: _check(session), "pages")


def _check(session: Session) -> Told:
    from mcp_server.incident.escalation import matrix
    from mcp_server.incident.pages import faults, pages, refused

    head = f"R{session.ledger.head()[0]}"
    areas = frozenset(row.area for row in matrix(session)[0])
    known, out = pages(session), refused(session)
    found = [LEFT_OUT.found(head, component=page.path, path=page.path, reason=page.reason) for page in out]
    for book in known.values():
        found += [FORM.found(head, component=book.path, path=book.path, reason=reason) for reason in faults(book, areas)]
    kinds = [book.kind for book in known.values()]
    return Told(
        statements=(
            Statement(
                text="{pages} pages, of them {workflows} workflows and {lists} checklists",
                values={"pages": len(kinds), "workflows": kinds.count("workflow"), "lists": kinds.count("checklist")},
            ),
        ),
        findings=tuple(found),
        coverage=Coverage(looked=("front matter", "steps", "parts of workflows")),
    )

"""Findings that speak of one thing. What a finding and a change share is the ranker's: `engine/ranking_clues.py`."""

from collections.abc import Iterable

from mcp_server.core.outcome import Finding


def same_subject(one: Finding, other: Finding) -> bool:
    """Whether two findings speak of the same module or package: then they are one cause seen twice."""
    subjects = [
        {value.lower().replace("-", "_").replace(".", "_") for kind, _, value in pairs if kind in ("module", "package")}
        for pairs in ([clue.partition(":") for clue in item.clues] for item in (one, other))
    ]
    return bool(subjects[0] & subjects[1])


def share_any(one: Finding, others: Iterable[Finding]) -> bool:
    """Whether a finding has a clue or the component in common with any of the others."""
    return any(set(one.clues) & set(item.clues) or (one.component and one.component == item.component) for item in others)

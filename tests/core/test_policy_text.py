"""Rules in prose: what is read of a sentence, what contradicts, and that nothing else does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.policy_text import contradicts, rank_of, read, sentences


def conflict(one: str, other: str) -> bool:
    return any(contradicts(first, second) for first in read(one) for second in read(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Never deploy on Fridays.", "You must always deploy on Fridays after lunch."),
        ("Alerts must be acknowledged within 5 minutes.", "Acknowledge alerts in under 10 minutes"),
        ("Disk usage must stay below 85 percent.", "Disk usage must stay below 95 %."),
        ("The shop listens on port 8000.", "shop listens on port 8080"),
        ("The gateway runs version 1.2.3.", "The gateway runs version 2.0"),
        ("Owner of checkout: Payments", "checkout is owned by team-shop"),
        ("The **contact for billing** is `ops@example.org`.", "Billing contact: other@example.org"),
        ("You must not restart the primary database.", "Restarting the primary database is allowed."),
        ("Backups are kept for 30 days.", "Backups are kept for 2 weeks."),
    ],
)
def test_what_contradicts(one: str, other: str) -> None:
    assert conflict(one, other)
    assert conflict(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Never restart the database without approval.", "The database must restart in order."),
        ("SEV1 is acknowledged within 5 minutes.", "SEV2 is acknowledged within 15 minutes."),
        ("Bring in the database specialist after 10 minutes.", "Bring in the network specialist after 15 minutes."),
        ("Deployments must be approved by two people.", "Deployments must not be approved by their author."),
        ("Alerts must be acknowledged within 5 minutes.", "Alerts must be acknowledged within 300 seconds."),
        ("Owner of checkout: Payments", "The owner of checkout is payments."),
        ("Owner of checkout: Payments", "Owner of search: Find"),
        ("Update within 15 minutes, then every 30 minutes.", "Update within 20 minutes."),
        ("The pod cannot get an address.", "The pod may be without an address."),
        ("Never.", "Always."),
    ],
)
def test_what_does_not(one: str, other: str) -> None:
    assert not conflict(one, other)


def test_the_rank_of_a_page() -> None:
    assert rank_of("/o/team/x.md", "---\nauthority: canonical\n---\n")[0] == "canonical"
    assert rank_of("/o/x.md", "---\nstatus: draft\n---\n")[0] == "draft"
    assert rank_of("/o/IMPORTANT/archive/old.md", "")[0] == "historical"
    assert rank_of("/o/CLAUDE.md", "")[0] == "canonical"
    assert rank_of("/o/tools/pager.md", "")[0] == "tool"
    assert rank_of("/o/x.md", "") == ("team", "nothing says otherwise")


def test_headings_code_and_front_matter_are_no_rules_and_lines_are_counted() -> None:
    text = (
        "---\nauthority: team\n---\n# Never a heading\n\nFirst sentence over\ntwo lines. Second one here.\n\n```\nnever\n```\n"
    )
    text += "- an item of a list\n| cells of | a table |\n"
    assert list(sentences(text)) == [
        (6, "First sentence over two lines."),
        (6, "Second one here."),
        (12, "an item of a list"),
        (13, "cells of | a table"),
    ]


@settings(max_examples=200)
@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    rank_of(f"/x/{text}", text)
    for _, sentence in sentences(text):
        for reading in read(sentence):
            assert reading.words
            assert not contradicts(reading, reading)

"""Pages made to be slow to compare: bounded, and it is said that not all was compared."""

import itertools
import time

from mcp_server.core.clock import now
from mcp_server.diagnostics.policy.policy_conflicts import Page, Params, PolicyFacts, Sentence, judge

PARAMS = Params(paths=("/rules",))
WORDS = ("alder", "birch", "cedar", "drake", "ember", "flint", "grove", "heron", "islet", "jetty", "knoll", "larch")


def facts(sentences: list[str]) -> PolicyFacts:
    said = tuple(Sentence(line=number, text=text) for number, text in enumerate(sentences, 1))
    return PolicyFacts(pages=(Page(path="/rules/a.md", rank="team", why="x", modified=now(), evidence="E1", sentences=said),))


def test_sentences_of_few_words_are_compared_in_part_and_that_is_said() -> None:
    sets = [" ".join(words) for words in itertools.islice(itertools.combinations(WORDS, 5), 700)]
    said = [f"{modal} {words}" for words in sets for modal in ("You must", "You must never", "You must never unless")]
    begun = time.monotonic()
    found = [item.code for item in judge(facts(said), PARAMS)]
    assert time.monotonic() - begun < 10, "seconds, on a busy machine"
    assert found[0] == "not_all_compared"
    assert len(found) <= 51


def test_one_sentence_many_times_is_compared_a_few_times() -> None:
    found = list(judge(facts(["Never deploy on Fridays.", "Deploying on Fridays is allowed."] * 2_000), PARAMS))
    assert {item.code for item in found} == {"undecided"}
    assert len(found) == 9

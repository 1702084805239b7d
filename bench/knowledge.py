"""Search among 10,000 pages, and how often the right playbook comes first: `python -m bench.knowledge`."""

import random
import time
from collections.abc import Iterator

from mcp_server.engine.catalog import load_catalog
from mcp_server.incident.knowledge_index import Document, Index
from mcp_server.incident.playbooks import fitting, library
from tests.incident.test_routing import LINES

PAGES, SEED = 10_000, 7
QUESTIONS = (
    "checkout conection refused to database",
    "upstream timed out while reading response header",
    "slow since the release",
)


def rows() -> Iterator[tuple[str, str, str]]:
    """(what, figure, promise)."""
    chance = random.Random(SEED)
    syllables = ("ba", "re", "to", "mi", "ka", "lu", "ne", "so", "pi", "da")
    words = ["".join(chance.choices(syllables, k=chance.randint(2, 5))) for _ in range(20_000)]
    words += [word for line in QUESTIONS for word in line.split()] * 30
    index = Index()

    def page(number: int) -> Document:
        title, body = (" ".join(chance.choices(words, k=count)) for count in (6, 100))
        return Document(source="runbook", name=f"p{number}", title=title, body=body)

    began = time.perf_counter()
    index.update("runbook", map(page, range(PAGES)))
    made = time.perf_counter() - began
    times = []
    for question in QUESTIONS * 5:
        began = time.perf_counter()
        index.search(question)
        times.append(time.perf_counter() - began)
    index.close()
    yield f"search among {PAGES:,} pages, worst of {len(times)}", f"{max(times) * 1000:.1f} ms", "milliseconds"
    yield f"  indexing {PAGES:,} pages, once", f"{made:.1f} s", ""
    found = library(load_catalog())
    right = sum(
        next((book.name for book in fitting(found, text) if book.kind == "workflow"), None) == name for name, text in LINES
    )
    yield f"right playbook first, {len(LINES)} paraphrases", f"{right / len(LINES):.3f}", "≥ .9"


if __name__ == "__main__":
    for what, figure, promise in rows():
        print(f"{what:<50}{figure:>12}  {promise}")

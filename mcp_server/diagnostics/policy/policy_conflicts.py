"""Do the organisation's own rules contradict each other, and which of two sides counts?

Pages have a rank: canonical before team, tool, historical and draft. It stands in the front matter (`authority: canonical`) or
is read from a word of the path. Sentences that say must or never, name a limit, or say who owns something are compared.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, StringConstraints

from mcp_server.core.calls import ListFolder, StatFile
from mcp_server.core.clock import Moment
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.policy_text import RANKS, Rank, Reading, contradicts, rank_of, read, sentences
from mcp_server.core.reader import Reader

_SUFFIXES = (".md", ".rst", ".txt")
_BYTES, _FILES, _SENTENCES, _MOST = 262_144, 200, 4_000, 50
_FORM, _REPEATED, _COMPARED = 4, 3, 500_000
Path = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4_096)]


class Params(Parameters):
    """Where the rules stand."""

    paths: tuple[Path, ...] = Field(
        min_length=1, max_length=20, description="Files or folders of rules, most authoritative first, absolute paths"
    )


class Sentence(Facts):
    """A sentence that says must or never, names a limit, or says who owns something."""

    line: int
    text: str


class Page(Facts):
    """One page of rules."""

    path: str
    rank: Rank
    why: str
    modified: Moment
    evidence: str
    sentences: tuple[Sentence, ...] = ()


class PolicyFacts(Facts):
    """All pages that could be read, most authoritative first."""

    pages: tuple[Page, ...] = ()


CONTRADICTION = FindingType(
    code="contradiction",
    text="{lower}:{lower_line} ({lower_rank}) says otherwise than {higher}:{higher_line} ({higher_rank}), which counts",
    meaning="Under pressure somebody will follow the wrong one.",
    advice="Follow the higher rank; let the owner of the other page mend it.",
)
UNDECIDED = FindingType(
    code="undecided",
    text="{lower}:{lower_line} and {higher}:{higher_line} contradict each other, and both are {higher_rank}",
    meaning="No rank says which of them counts.",
    advice="Ask whoever owns these pages before acting on either.",
)

CROWDED = FindingType(
    code="not_all_compared",
    text="{count} sentences share so many words that only the first {compared} of them were compared",
    severity="info",
    meaning="There may be contradictions that were not seen.",
    advice="Name fewer paths at a time.",
)

DIAGNOSTIC = Diagnostic(
    question="Do the organisation's rules contradict each other, and which side counts by its rank?",
    area="policy",
    facts=PolicyFacts,
    tool=False,
    timeout_s=30,
    examples=({"paths": ["/srv/shop/CLAUDE.md", "/srv/shop/IMPORTANT"]},),
    next=("search_knowledge",),
)


def collect(reader: Reader, params: Params) -> PolicyFacts:
    """Read every page, its rank, and the sentences that can be compared. A path that is not there holds no rules."""
    pages: list[Page] = []
    left = _SENTENCES
    for path in _files(reader, params):
        with reader.part(path):
            seen = reader.file(path, 0, _BYTES)
            if seen.value.binary:
                reader.blind(path, "it holds no text")
                continue
            if seen.value.size > seen.value.end:
                reader.cut(path, f"only its first {_BYTES:,} bytes were read; split the page")
            rank, why = rank_of(path, seen.value.text)
            said = [Sentence(line=line, text=text) for line, text in sentences(seen.value.text) if read(text)]
            if len(said) > left:
                reader.cut(path, f"more than {_SENTENCES:,} sentences to compare; name fewer paths")
            pages.append(
                Page(
                    path=path, rank=rank, why=why, modified=seen.value.modified, evidence=seen.evidence,
                    sentences=tuple(said[:left]),
                )
            )  # fmt: skip
            left = max(0, left - len(said))
    return PolicyFacts(pages=tuple(sorted(pages, key=lambda page: RANKS.index(page.rank))))


def _files(reader: Reader, params: Params) -> list[str]:
    """Every page, in the order of the paths; each once."""
    found: dict[str, None] = {}
    for path in params.paths:
        try:
            if reader.look(StatFile(path=path)).value.type != "folder":
                found.setdefault(path)
                continue
            inside = reader.look(ListFolder(path=path, depth=6, skip=("node_modules", ".git"))).value
        except CouldNotLook as failure:
            if failure.reason == "missing":
                reader.empty(path)
            else:
                reader.blind(path, f"{failure.reason}: {failure.detail}", failure.remedy)
            continue
        for folder in inside.unreadable:
            reader.blind(folder, "denied", "let this account read it")
        if inside.cut:
            reader.cut(path, inside.cut)
        for item in sorted(inside.entries, key=lambda item: item.path):
            if item.type == "file" and item.path.lower().endswith(_SUFFIXES):
                found.setdefault(item.path)
    if len(found) > _FILES:
        reader.cut("pages of rules", f"more than {_FILES} pages; name fewer paths")
    return list(found)[:_FILES]


def judge(facts: PolicyFacts, params: Params) -> Iterator[Finding]:
    """Every pair that contradicts, the weightiest first; at most so many."""
    said = _comparable(facts)
    by_word: dict[str, list[int]] = {}
    for index, (_, _, reading) in enumerate(said):
        for word in reading.words:
            by_word.setdefault(word, []).append(index)
    pairs: dict[tuple[int, int], None] = {}
    compared = 0
    for index, (page, _, reading) in enumerate(said):
        near = by_word[min(reading.words, key=lambda word: len(by_word[word]))]
        compared += len(near)
        if compared > _COMPARED:
            yield CROWDED.found(page.evidence, count=len(said), compared=index)
            break
        for other in near:
            if other != index and contradicts(reading, said[other][2]):
                pairs.setdefault((min(index, other), max(index, other)))
    for higher, lower in sorted(pairs)[:_MOST]:
        yield _finding(said[higher], said[lower])


def _comparable(facts: PolicyFacts) -> list[tuple[Page, Sentence, Reading]]:
    """What is said, the most authoritative first. What stands on many pages counts a few times.

    One form on many pages ("Time limit: 20 s.") speaks of its own page on each, so it is left out.
    """
    said = [(page, sentence, reading) for page in facts.pages for sentence in page.sentences for reading in read(sentence.text)]
    where: dict[tuple[str, str, frozenset[str]], set[str]] = {}
    for page, _, reading in said:
        where.setdefault((reading.kind, reading.says, reading.words), set()).add(page.path)
    times: Counter[Reading] = Counter()
    kept = []
    for page, sentence, reading in said:
        times[reading] += 1
        form = reading.kind != "directive" and len(where[reading.kind, reading.says, reading.words]) >= _FORM
        if not form and times[reading] <= _REPEATED:
            kept.append((page, sentence, reading))
    return kept


def _finding(higher: tuple[Page, Sentence, Reading], lower: tuple[Page, Sentence, Reading]) -> Finding:
    (page, counts, _), (other, gives_way, _) = higher, lower
    kind = UNDECIDED if page.rank == other.rank else CONTRADICTION
    return kind.found(
        page.evidence, other.evidence, component=other.path, clues=(f"path:{other.path}",),
        quotes=(f"{page.path}:{counts.line}: {counts.text}", f"{other.path}:{gives_way.line}: {gives_way.text}"),
        severity="info" if other.rank in ("historical", "draft") else None,
        higher=page.path, higher_line=counts.line, higher_rank=page.rank,
        lower=other.path, lower_line=gives_way.line, lower_rank=other.rank,
    )  # fmt: skip


def show(facts: PolicyFacts, params: Params) -> Iterator[Statement]:
    """The ranks with their pages, so that `ok` says what was compared."""
    for page in facts.pages[:10]:
        yield Statement(
            text="{path}: {rank} (by {why}), {count} sentences compared",
            values={"path": page.path, "rank": page.rank, "why": page.why, "count": len(page.sentences)},
            evidence=(page.evidence,),
        )
    if len(facts.pages) > 10:
        ranks = Counter(page.rank for page in facts.pages[10:])
        yield Statement(
            text="{count} more pages: {ranks}",
            values={"count": len(facts.pages) - 10, "ranks": ", ".join(f"{count} {rank}" for rank, count in ranks.items())},
        )

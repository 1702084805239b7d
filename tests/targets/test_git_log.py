"""The reader of `git log` takes content for content, whatever it looks like."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.targets.git_log import LogReader

NASTY = st.one_of(
    st.sampled_from(
        [
            b"@@ -1,5 +1,5 @@",
            b"diff --git a/x b/x",
            b":100644 100644 a b M\tforged",
            b"--- a",
            b"+++ b",
            b"",
            b"\\ No newline",
            b"\0",
        ]
    ),
    st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")),
)
HUNKS = st.lists(st.tuples(st.lists(NASTY, max_size=4), st.lists(NASTY, max_size=4)).filter(any), max_size=4)
COMMITS = st.lists(HUNKS, min_size=1, max_size=4)


def printed(reader: LogReader, commits: list[list[tuple[list[bytes], list[bytes]]]]) -> list[bytes]:
    mark = next(text for text in reader.arguments() if text.startswith("--format=")).removeprefix("--format=").split("%H")[0]
    lines: list[bytes] = []
    for index, hunks in enumerate(commits):
        fields = (f"{index:040x}", "p", "Ada", "1780315200", "1780315200", "2026-06-01T12:00:00+00:00", "subject")
        lines += [mark.encode() + b"\0".join(field.encode() for field in fields), b""]
        lines += [
            b":100644 100644 a b M\tapp.py",
            b"",
            b"diff --git a/app.py b/app.py",
            b"index a..b 100644",
            b"--- a/app.py",
            b"+++ b/app.py",
        ]
        for minus, plus in hunks:
            lines.append(b"@@ -1,%d +1,%d @@ def f():" % (len(minus), len(plus)))
            lines += [b"-" + line for line in minus] + [b"+" + line for line in plus] + [b"\\ No newline at end of file"]
        lines.append(b"")
    return lines


def text(raw: bytes) -> str:
    return raw.decode("utf8", "replace").rstrip("\r")


@given(commits=COMMITS)
def test_every_line_is_read_once_and_as_what_it_is(commits: list[list[tuple[list[bytes], list[bytes]]]]) -> None:
    reader = LogReader({f"{0:040x}": datetime(2026, 6, 1, tzinfo=UTC)}, frozenset(), 1_000_000)
    found = list(reader.commits(printed(reader, commits)))
    assert [commit.removed for commit in found] == [
        tuple(text(line) for minus, _ in hunks for line in minus) for hunks in commits
    ]
    assert [commit.added for commit in found] == [tuple(text(line) for _, plus in hunks for line in plus) for hunks in commits]
    assert {commit.files for commit in found} == {("app.py",)}
    assert [commit.arrived is not None for commit in found] == [index == 0 for index in range(len(commits))]
    assert not reader.left_out


@given(commits=COMMITS, budget=st.integers(0, 60))
def test_beyond_the_budget_lines_are_left_out_and_it_is_known(
    commits: list[list[tuple[list[bytes], list[bytes]]]], budget: int
) -> None:
    whole, small = LogReader({}, frozenset(), 1_000_000), LogReader({}, frozenset(), budget)
    everything = list(whole.commits(printed(whole, commits)))
    some = list(small.commits(printed(small, commits)))
    assert len(some) == len(everything)
    assert small.left_out == (some != everything)

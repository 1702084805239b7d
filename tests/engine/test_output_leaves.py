"""The output of containers through the log engine: one clock, exact pages, and a sentence where there is no such thing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.log_calls import LogSummary, MergeLogs, SearchLog, TailLog
from mcp_server.core.output import Output, OutputAsked
from mcp_server.core.reader import Limits
from mcp_server.core.settings import LogSettings, ReadSettings
from mcp_server.engine import scan

START = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)


def line(milliseconds: int, message: str) -> bytes:
    at = START + timedelta(milliseconds=milliseconds)
    return f"{at.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {message}\n".encode()


class Runtime:
    """Two containers, kept as a runtime keeps them."""

    def __init__(self, **kept: list[bytes]) -> None:
        self.kept = kept
        self.asked: list[OutputAsked] = []

    def __call__(self, asked: OutputAsked, limits: Limits) -> Sequence[Output]:
        self.asked.append(asked)
        found = []
        for name, lines in self.kept.items():
            if asked.name not in (None, name):
                continue
            inside = [item for item in lines if asked.until is None or item[:26].decode() <= asked.until.isoformat()[:26]]
            chosen = inside[-asked.newest :] if asked.newest else inside
            found.append(Output(name, chosen, limited=len(chosen) < len(inside)))
        if not found:
            raise CouldNotLook(str(asked.name), "missing", "no such container")
        return found


def look(call: Any, runtime: Runtime | None) -> Any:
    return scan.look(call, Limits(), ReadSettings(), LogSettings(), lambda text: text, outputs=runtime, here=runtime is None)


TWO = Runtime(
    web=[line(number * 10, f"web {number}") for number in range(3_000)],
    db=[line(number * 10 + 5, f"db {number}") for number in range(3_000)],
)


def test_records_of_all_containers_on_one_clock() -> None:
    page = look(TailLog(sources=("container",), count=4), TWO)
    assert [record.text.split(" ", 1)[1] for record in page.records] == [
        "web container: web 2998", "db container: db 2998", "web container: web 2999", "db container: db 2999",
    ]  # fmt: skip
    one = look(TailLog(sources=("container:db",), count=1), TWO)
    assert one.records[0].text.endswith("Z db 2999")


def test_pages_going_back_meet_exactly() -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = look(TailLog(sources=("container",), count=700, chars=60_000, cursor=cursor), TWO)
        assert page.rotated is None
        seen = [record.text.rsplit(": ", 1)[1] for record in page.records] + seen
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [f"{name} {number}" for number in range(3_000) for name in ("web", "db")]


def test_search_merge_and_summary() -> None:
    hits = look(SearchLog(sources=("container",), patterns=("web 17",), limit=3), TWO)
    assert hits.count == 1 + 10 + 100 and hits.records[0].text.endswith("web 17")
    assert len(look(MergeLogs(sources=("container:web", "container:db"), limit=6), TWO).records) == 6
    broken = Runtime(app=[line(0, "ready"), line(1, "ERROR no connection to db:5432"), line(2, "    at shop.pay(pay.py:3)")])
    summary = look(LogSummary(sources=("container",)), broken)
    assert summary.levels == {"error": 1} or "error" in summary.levels
    assert any("at shop.pay" in item.example for item in summary.items)


def test_what_the_runtime_left_out_is_said() -> None:
    runtime = Runtime(app=[line(0, "x")])
    runtime.kept["app"] = [line(0, "x")]
    given = runtime.__call__

    def cut(asked: OutputAsked, limits: Limits) -> Sequence[Output]:
        return [Output("app", list(given(asked, limits)[0].lines), stopped="only the newest line was kept")]

    page = scan.look(
        TailLog(sources=("container",), count=3), Limits(), ReadSettings(), LogSettings(), str, outputs=cut, here=False
    )
    assert "only the newest line was kept" in page.seen.doubts[0].detail


@pytest.mark.parametrize(
    ("source", "runtime", "sentence"),
    [
        ("container", None, "docker:// and k8s:// places"),
        ("/var/log/syslog", TWO, "belong to a host"),
        ("journal", TWO, "belong to a host"),
        ("container:nope", TWO, "no such container"),
    ],
)
def test_a_source_that_is_not_of_the_place_is_a_sentence(source: str, runtime: Runtime | None, sentence: str) -> None:
    with pytest.raises(CouldNotLook, match=sentence):
        look(TailLog(sources=(source,)), runtime)

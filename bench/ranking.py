"""How often the ranking is right, on incidents made for this run: `python -m bench.ranking [SEED] [COUNT]`."""

import random
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mcp_server.core.settings import load_settings
from mcp_server.engine.ranking import rank_json
from mcp_server.engine.session import Session
from tests.generator import packages
from tests.generator.fleets import Fleet, fleet
from tests.generator.incidents import make
from tests.generator.judged import judge
from tests.generator.releases import Case, case
from tests.generator.services import KINDS, NEEDED, make_real

FOLDERS, NOBODY, RELEASES = 60, 20, 100


def rows(seed: str, count: int = FOLDERS) -> Iterator[tuple[str, str, str]]:
    """(what, figure, promise) of one seed."""
    calm = max(12, count // 3)
    yield from _unless_missing(packages.PROGRAMS, "incident folders", lambda: _folders(seed, count, calm))
    yield from _unless_missing(NEEDED, "services that really break", lambda: _services(seed))
    many = max(20, count * RELEASES // FOLDERS)
    yield from _releases(seed, many, "concurrent releases", lambda name: case(random.Random(name)))
    yield from _releases(seed, many, "releases in a simulated fleet", fleet)


def _unless_missing(
    programs: Sequence[str], what: str, measured: Callable[[], Iterator[tuple[str, str, str]]]
) -> Iterator[tuple[str, str, str]]:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        yield f"{what}: not installed: {', '.join(missing)}", "not measured", ""
    else:
        yield from measured()


def _services(seed: str) -> Iterator[tuple[str, str, str]]:
    """Logs by nginx and gunicorn themselves, one incident of each kind."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, _session(name) as session:
        found = [judge(session, make_real(Path(name) / str(place), seed, kind)) for place, kind in enumerate(KINDS)]
    guilty = [item for item in found if item.folder.guilty]
    first = sum(item.place() == 1 for item in guilty)
    wrong = [item.folder.story for item in found if not item.right()]
    yield f"{len(guilty)} services that really break: guilty change first", _share(first, len(guilty)), "≥ 85 %"
    yield "  these and one with no guilty change: named rightly", _share(len(found) - len(wrong), len(found)), ""
    if wrong:
        yield "  not right: " + ", ".join(wrong), "", ""


@contextmanager
def _session(folder: str) -> Iterator[Session]:
    made = Session(load_settings({"VETERAN_STATE_DIR": f"{folder}/state", "HOME": folder}), program="bench")
    yield made
    made.close()


def _folders(seed: str, guilty: int, innocent: int) -> Iterator[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, _session(name) as session:
        folder = Path(name)
        found = [judge(session, make(folder / f"g{index}", f"{seed}-g{index}")) for index in range(guilty)]
        calm = [judge(session, make(folder / f"i{index}", f"{seed}-i{index}", innocent=True)) for index in range(innocent)]
    newest = sum(item.newest_is_guilty() for item in found)
    yield f"{guilty} incident folders: guilty change first", _share(sum(item.place() == 1 for item in found), guilty), "≥ 85 %"
    yield "  in the first three", _share(sum((item.place() or 99) <= 3 for item in found), guilty), "≥ 97 %"
    yield "  named as the trigger of the probable cause", _share(sum(item.right() for item in found), guilty), ""
    yield "  (the newest change before the onset is guilty)", _share(newest, guilty), ""
    yield f"{innocent} innocent folders: nobody named", _share(sum(item.right() for item in calm), innocent), "≥ 80 %"
    missed = Counter(item.folder.story for item in found if item.place() != 1)
    yield "  not first: " + (", ".join(f"{name} ×{times}" for name, times in missed.most_common()) or "none"), "", ""


def _releases(
    seed: str, count: int, what: str, make_case: Callable[[str], Case | Fleet]
) -> Iterator[tuple[str, str, str]]:  # fmt: skip
    first = three = named = wrong = newest = guilty = calm = nobody = 0
    took = []
    for index in range(count):
        item = make_case(f"{seed}-{index}")
        began = time.perf_counter()
        answer = rank_json(item.data)
        took.append(time.perf_counter() - began)
        order = [change["id"] for change in answer["changes"]]  # type: ignore[attr-defined]
        if item.guilty is None:
            calm, nobody = calm + 1, nobody + (answer["named"] is None)
            continue
        guilty, newest = guilty + 1, newest + (item.newest == item.guilty)
        first, three = first + (order[0] == item.guilty), three + (item.guilty in order[:3])
        named, wrong = named + (answer["named"] == item.guilty), wrong + (answer["named"] not in (None, item.guilty))
    yield f"{guilty} {what}, series only: guilty first", _share(first, guilty), "≥ 85 %"
    yield "  in the first three", _share(three, guilty), "≥ 97 %"
    yield "  named · wrongly named", f"{_share(named, guilty)} · {_share(wrong, guilty)}", ""
    yield "  (newest first would be right)", _share(newest, guilty), ""
    yield f"{calm} with no guilty release: nobody named", _share(nobody, calm), "≥ 80 %"
    yield "  time for one ranking, p50", f"{statistics.median(took) * 1000:.0f} ms", ""


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none made"


def main() -> None:
    """Print the figures of a seed, a fresh one without argument."""
    seed = sys.argv[1] if len(sys.argv) > 1 else secrets.token_hex(4)
    print(f"ranking, seed {seed}")
    for what, figure, promise in rows(seed, int(sys.argv[2]) if len(sys.argv) > 2 else FOLDERS):
        print(f"{what:<62}{figure:>18}  {promise}", flush=True)


if __name__ == "__main__":
    main()

"""Two real Prometheus servers and a real exporter: what agrees is well, what one of them gets wrong is named."""

import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.diagnostics.asking import asking
from tests.real_parts import free_port, need, wait_until, with_us

CONFIG = """
global: {{scrape_interval: 200ms}}
scrape_configs:
- job_name: node
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
  relabel_configs: [{{target_label: instance, replacement: "host:1"}}]
"""


@contextmanager
def running(*argv: str) -> Iterator[None]:
    process = subprocess.Popen(with_us(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str, words: bytes = b"") -> Callable[[], bool]:
    def asked() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return words in answer.read()
        except (urllib.error.URLError, OSError):
            return False

    return asked


@pytest.fixture
def systems(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """One that scrapes this host's exporter, and one that believes to, at a port where nobody listens."""
    need("prometheus", "prometheus-node-exporter")
    exporter, nobody, addresses = free_port(), free_port(), []
    with ExitStack() as stack:
        stack.enter_context(running("prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{exporter}"))
        wait_until(answers(f"http://127.0.0.1:{exporter}/metrics"), "the exporter answers", 20)
        for name, port in (("right", exporter), ("wrong", nobody)):
            folder, own = tmp_path / name, free_port()
            folder.mkdir()
            (folder / "prometheus.yml").write_text(CONFIG.format(port=port), encoding="utf8")
            stack.enter_context(running(
                "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{own}",
            ))  # fmt: skip
            addresses.append(f"http://127.0.0.1:{own}")
        for address in addresses:
            wait_until(answers(f"{address}/api/v1/query?query=up", b"host:1"), "it has scraped", 30)
        yield addresses[0], addresses[1]


def test_two_witnesses(systems: tuple[str, str], tmp_path: Path) -> None:
    right, wrong = systems
    with asking(tmp_path) as ask:
        alone = ask("monitoring_agreement", prometheus=right)
        assert alone.verdict == "ok", [item.text for item in alone.findings]
        assert int(str(alone.statements[0].values["count"])) >= 4, "memory twice, the boot, a mount at least"
        both = ask("monitoring_agreement", prometheus=right, other=wrong)
        (finding,) = both.findings
        assert finding.values["what"] == "node host:1"
        assert (finding.values["a"], finding.values["b"]) == ("up", "down")
        assert len(finding.evidence) == 2, "both witnesses are cited"
        blind = ask("monitoring_agreement", prometheus=wrong)
        assert blind.verdict == "unknown", "nothing was compared"

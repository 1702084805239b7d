"""What a daemon or a cluster costs that accepts connections and says nothing: the whole script, from the shell."""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

RUNS = 5
ROOT = Path(__file__).resolve().parent.parent


def rows() -> Iterator[tuple[str, str, str]]:
    """(what, figure, promise)."""
    with (
        tempfile.TemporaryDirectory(prefix="preflight-") as folder,
        socket.socket(socket.AF_UNIX) as daemon,
        socket.create_server(("127.0.0.1", 0)) as cluster,
    ):
        daemon.bind(f"{folder}/d.sock")
        daemon.listen(64)
        config = Path(folder, "kubeconfig")
        config.write_text(json.dumps({
            "contexts": [{"name": "hang", "context": {"cluster": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{cluster.getsockname()[1]}"}}],
        }))  # fmt: skip
        env = {
            **os.environ, "DOCKER_HOST": f"unix://{folder}/d.sock", "KUBECONFIG": str(config),
            "VETERAN_STATE_DIR": f"{folder}/state",
        }  # fmt: skip
        for target, promise in (("local", ""), ("docker://", "≤ 2 s"), ("k8s://hang", "≤ 2 s")):
            times = [_once(target, env) for _ in range(RUNS)]
            what = target if target == "local" else f"{target} that hangs"
            yield f"preflight script, {what}, p50 (max)", f"{statistics.median(times):.2f} s ({max(times):.2f} s)", promise


def _once(target: str, env: dict[str, str]) -> float:
    """Seconds of one run. Raises AssertionError when it says anything but unknown of what hangs."""
    began = time.perf_counter()
    script = str(ROOT / "scripts" / "incident_response" / "preflight.py")
    done = subprocess.run([sys.executable, script, "--target", target], env=env, capture_output=True, text=True, check=False)
    assert target == "local" or done.returncode == 2, done.stdout + done.stderr
    return time.perf_counter() - began


if __name__ == "__main__":
    for line in rows():
        print("{:<60}{:>18}  {}".format(*line))

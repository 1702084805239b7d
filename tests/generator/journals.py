"""The journal of an incident: a real journal file with what systemd, sudo, sshd and the kernel wrote around it.

None of it broke anything. A deployment restarts its service; timers fire at their hours; somebody logs in and looks around; a
package's script restarts a daemon. Some of it lies nearer to the onset than what did it.
"""

import os
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from shutil import which

from tests.journal_files import REMOTE, entry, write

STARTED, STOPPED, DONE = (
    "39f53479d3a045ac8e11786248231fbf", "9d1aaa27d60140bd96365438aad20286", "7ad2d189f7e94e70a38c781354912448",
)  # fmt: skip
JOBS = ("logrotate.service", "apt-daily.service", "man-db.service", "fstrim.service", "backup.service", "certbot.service")
DAEMONS = ("cron.service", "ssh.service", "rsyslog.service", "nginx.service")
COMMANDS = (
    "/usr/bin/systemctl status app", "/usr/bin/journalctl -u app", "/usr/bin/tee /etc/motd", "/usr/bin/apt-get update",
    "/usr/bin/systemctl restart rsyslog",
)  # fmt: skip
KERNEL = (
    "TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.",
    "perf: interrupt took too long (2512 > 2500), lowering kernel.perf_event_max_sample_rate to 79500",
)


def possible() -> bool:
    """Whether systemd's tools are here."""
    return os.path.exists(REMOTE) and which("journalctl") is not None


def journal(folder: Path, onset: datetime, end: datetime, deployed: Sequence[datetime], chance: random.Random) -> Path:
    """A folder with the journal of the last day. `deployed` are the moments after which the service was restarted."""
    rows = [
        *_timers(onset, end, chance), *_people(onset, chance), *_kernel(onset, end, chance),
        *(row for at in deployed if chance.random() < 0.7 for row in _restart("app.service", at, chance)),
        *(row for _ in range(chance.randint(0, 2)) for row in _restart(chance.choice(DAEMONS), _before(onset, chance), chance)),
    ]  # fmt: skip
    rows.append(entry(onset - timedelta(hours=25), "Journal started", SYSLOG_IDENTIFIER="systemd-journald"))
    return write(folder, sorted(rows, key=lambda row: str(row["__REALTIME_TIMESTAMP"])))


def _before(onset: datetime, chance: random.Random) -> datetime:
    return onset - timedelta(seconds=chance.choice((20, 90, 600, 5_000, 30_000)) * chance.uniform(0.4, 1.6))


def _unit(at: datetime, unit: str, kind: str, told: str) -> dict[str, object]:
    return entry(at, f"{told} {unit} - {unit.partition('.')[0]}.", MESSAGE_ID=kind, UNIT=unit, _PID=1, _UID=0,
                 _COMM="systemd", SYSLOG_IDENTIFIER="systemd")  # fmt: skip


def _restart(unit: str, at: datetime, chance: random.Random) -> Iterator[dict[str, object]]:
    begin = at + timedelta(seconds=chance.uniform(1, 5))
    yield _unit(begin, unit, STOPPED, "Stopped")
    yield _unit(begin + timedelta(seconds=chance.uniform(0.2, 3)), unit, STARTED, "Started")


def _timers(onset: datetime, end: datetime, chance: random.Random) -> Iterator[dict[str, object]]:
    for name in chance.sample(JOBS, chance.randint(1, len(JOBS))):
        every = chance.choice((1_800, 3_600, 43_200))
        at = onset - timedelta(seconds=chance.uniform(1, every))
        while at > onset - timedelta(hours=24):
            yield _unit(at, name, STARTED, "Started")
            yield _unit(at + timedelta(seconds=chance.uniform(0.3, 40)), name, DONE, "Deactivated")
            at -= timedelta(seconds=every)


def _people(onset: datetime, chance: random.Random) -> Iterator[dict[str, object]]:
    for _ in range(chance.randint(0, 3)):
        at = _before(onset, chance)
        yield entry(at, "Accepted publickey for ops from 10.0.0.9 port 4711 ssh2: ED25519 SHA256:x", _COMM="sshd", _UID=0)
        told = f"     ops : TTY=pts/0 ; PWD=/home/ops ; USER=root ; COMMAND={chance.choice(COMMANDS)}"
        yield entry(at + timedelta(seconds=9), told, _COMM="sudo", SYSLOG_IDENTIFIER="sudo", _UID=0)


def _kernel(onset: datetime, end: datetime, chance: random.Random) -> Iterator[dict[str, object]]:
    if chance.random() < 0.4:
        at = _before(onset, chance)
        row = entry(at, chance.choice(KERNEL), PRIORITY=4, SYSLOG_IDENTIFIER="kernel")
        yield row | {"_TRANSPORT": "kernel"}

"""Incidents of a small web service, written to disk as its own programs would have left them.

A real git repository with its reflog, packages by real dpkg in a private root, files in /etc, logs in the formats of nginx
and gunicorn (`services.py` has them written by the programs themselves), and for half of them a real journal file.
One change broke the service, or none did; others happened around it and are innocent. Nothing here knows how changes are
ranked: what breaks, what it writes into the logs and what else happens are taken from how such services fail.
"""

import os
import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mcp_server.core.clock import now
from tests.changes.world import World
from tests.generator import packages
from tests.generator.guilty import GUILTY
from tests.generator.innocent import INNOCENT
from tests.generator.journals import journal, possible
from tests.generator.noise import NOISE
from tests.generator.stories import Names, Story, Told

ROOT = "/srv/app"


@dataclass
class Folder:
    """One incident on disk. `guilty` is (source, reference or component), None when no change did it."""

    world: "Host"
    onset: datetime
    story: str
    guilty: tuple[str, str] | None
    logs: tuple[str, ...] = ()
    changes: int = 0
    journal: str | None = None
    """Folder of a real journal file, where this incident has one."""
    root: str = ROOT
    """The application's checkout on that host."""


class Host(World):
    """A host in a folder. The inode's time of a file we dated cannot be set, so it is told as the host would have had it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.dated: dict[str, tuple[datetime, datetime]] = {}

    def look(self, call: Any, limits: Any) -> Any:
        if getattr(call, "kind", "") == "history":
            from mcp_server.core.settings import ReadSettings
            from mcp_server.targets import git

            found = git.look(call.model_copy(update={"path": str(self.root) + call.path}), limits, ReadSettings())
            return type(found).model_validate_json(found.model_dump_json().replace(str(self.root), ""))
        answer = super().look(call, limits)
        if getattr(call, "kind", "") == "folder":
            entries = [self._dated(entry) for entry in answer.entries]
            since = getattr(call, "modified_after", None)
            kept = tuple(entry for entry in entries if since is None or max(entry.modified, entry.changed) >= since)
            return answer.model_copy(update={"entries": kept})
        return self._dated(answer) if getattr(call, "kind", "") == "stat" else answer

    def _dated(self, entry: Any) -> Any:
        modified, changed = self.dated.get(entry.path, (entry.modified, entry.modified))
        return entry.model_copy(update={"modified": modified, "changed": changed})


@dataclass
class Maker:
    """Builds one incident."""

    root: Path
    chance: random.Random
    world: Host = field(init=False)
    events: list[tuple[datetime, Callable[[datetime], tuple[str, str]], bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = Host(self.root)
        self.onset = self.world.moment - timedelta(minutes=self.chance.uniform(6, 25))
        self.names = Names.drawn(self.chance)

    def made(self, story: Story) -> Folder:
        """The whole incident."""
        self._base()
        # a broken deployment is noticed when the next request meets it, or when the next restart, job or customer does
        delay = self.chance.choice((3, 20, 60, 240, 900, 3_600))
        if story.change:
            self.events.append(
                (self.onset - timedelta(seconds=delay * self.chance.uniform(0.5, 1.2)), self._doing(story), True)
            )
        self.innocents(NOISE)
        guilty = self.play()
        logs = self._logs(story)
        kept = None
        if possible() and self.chance.random() < 0.5:
            deployed = [at for at, doing, _ in self.events if at < self.onset and doing.__name__ == "commit"]
            kept = str(journal(self.root / "journal", self.onset, self.world.moment, deployed, self.chance))
            self.world.journals = True
        return Folder(self.world, self.onset, story.name, guilty, logs, len(self.events), kept)

    def innocents(self, among: list[Told]) -> None:
        """Draw what else happens before the onset, and now and then shortly after it."""
        noise = self.chance.sample(among, self.chance.randint(2, 11))
        for told in noise:
            before = self.chance.choice((30, 120, 400, 1_500, 6_000, 40_000)) * self.chance.uniform(0.3, 1.6)
            self.events.append((self.onset - timedelta(seconds=before), self._doing(told(self.names, self.chance)), False))
        late = self.onset + timedelta(seconds=self.chance.uniform(60, 200))
        if self.chance.random() < 0.4 and late < self.world.moment:
            self.events.append((late, self._doing(noise[-1](self.names, self.chance)), False))

    def play(self) -> tuple[str, str] | None:
        """Let everything happen, in its order; (source, name) of the guilty change."""
        guilty = None
        for at, doing, is_guilty in sorted(self.events, key=lambda item: item[0]):
            told = doing(at)
            guilty = told if is_guilty else guilty
        return guilty

    def machine(self) -> datetime:
        """The host before anything happened; returns when it was set up."""
        old = self.world.moment - timedelta(days=40)
        for path, text in {"/etc/hostname": "web1\n", "/etc/timezone": "Etc/UTC\n"}.items():
            self.world.file(path, text)
            self.world.dated[path] = (old, old)
        packages.found(self.root, old)
        return old

    def _doing(self, story: Story) -> Callable[[datetime], tuple[str, str]]:
        kind, what = story.change[0], story.change[1:]

        def doing(at: datetime) -> tuple[str, str]:
            told: tuple[str, str] = getattr(self, f"_{kind}")(at, *what)
            return told

        doing.__name__ = kind
        return doing

    # --- what can happen --------------------------------------------------------------------------------------------

    def _commit(self, at: datetime, subject: str, files: dict[str, str]) -> tuple[str, str]:
        for name, text in files.items():
            path = self.root / ROOT.lstrip("/") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            known = path.read_text() if path.exists() else ""
            path.write_text(text[1:] + known if text.startswith("^") else known + text[1:] if text.startswith("$") else text)
            self.world.dated[f"{ROOT}/{name}"] = (at, at)
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", subject, at=at)
        return "git", self._git("rev-parse", "HEAD").strip()[:12]

    def _upgrade(self, at: datetime, package: str, version: str) -> tuple[str, str]:
        packages.install(self.root, at, package, version)
        return "packages", package

    def _install(self, at: datetime, package: str, version: str) -> tuple[str, str]:
        packages.install(self.root, at, package, version)
        return "packages", package

    def _remove(self, at: datetime, package: str) -> tuple[str, str]:
        packages.remove(self.root, at, package)
        return "packages", package

    def _edit(self, at: datetime, path: str, text: str) -> tuple[str, str]:
        self.world.file(path, text)
        self.world.dated[path] = (at, at)
        return "files", path

    def _rights(self, at: datetime, path: str) -> tuple[str, str]:
        file = self.root / path.lstrip("/")
        if not file.exists():
            self.world.file(path, "x")
        file.chmod(0o600)
        self.world.dated[path] = (at - timedelta(days=90), at)
        return "files", path

    def _git(self, *argv: str, at: datetime | None = None) -> str:
        home = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(self.root)}
        when = {"GIT_AUTHOR_DATE": at.isoformat(), "GIT_COMMITTER_DATE": at.isoformat()} if at else {}
        person = ("-c", "user.name=D. Eploy", "-c", "user.email=d@example.org", "-c", "commit.gpgsign=false")
        command = ("git", *person, "-C", str(self.root / ROOT.lstrip("/")), *argv)
        return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | home | when).stdout

    def _base(self) -> None:
        old = self.machine()
        (self.root / ROOT.lstrip("/")).mkdir(parents=True)
        self._git("init", "-q", "-b", "main")
        self._commit(old, "first", {**self.names.files(), "README.md": "# app\n", ".gitignore": "*.key\n"})
        self._commit(
            old + timedelta(days=20), "orders: keep the currency", {f"{self.names.package}/orders.py": "$CURRENCY = 'EUR'\n"}
        )

    # --- logs -------------------------------------------------------------------------------------------------------

    def _logs(self, story: Story) -> tuple[str, ...]:
        """nginx's access and error log and the application's, an hour of them, in the programs' own formats."""
        access, error, app, at = [], [], [], self.onset - timedelta(minutes=40)
        self.names.checkout = self.root / ROOT.lstrip("/")
        end = self.world.moment
        while at < end:
            broken = at >= self.onset
            path = self.chance.choice(("/", "/cart", f"/{self.names.feature}", "/api/items?page=2", "/static/app.css"))
            status = self.chance.choice((502, 500, 504)) if broken and self.chance.random() < 0.7 else 200
            access.append(
                f'10.0.3.{self.chance.randint(2, 250)} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" {status} 512'
                ' "-" "Mozilla/5.0"'
            )
            if broken:
                error += story.nginx(self.names, at, self.chance) if story.nginx else []
                if len(app) < 400 and story.app:
                    app += story.app(self.names, at, self.chance)
            elif self.chance.random() < 0.03:
                app.append(
                    f"[{at:%Y-%m-%d %H:%M:%S} +0000] [811] [INFO] "
                    + self.chance.choice(("Handling signal: hup", "cache warmed", "job mail done"))
                )
            elif self.chance.random() < 0.01:
                app.append(
                    f"[{at:%Y-%m-%d %H:%M:%S} +0000] [812] [ERROR] Invalid request from ip=10.0.9.9: "
                    "Invalid HTTP request line: ''"
                )
            at += timedelta(seconds=self.chance.uniform(2, 14))
        written = []
        for path, lines in (
            ("/var/log/nginx/access.log", access),
            ("/var/log/nginx/error.log", error),
            ("/var/log/app/app.log", app),
        ):
            self.world.file(path, "".join(f"{line}\n" for line in lines))
            self.world.dated[path] = (end, end)
            written.append(path)
        return tuple(written[1:])


def make(root: Path, seed: str, *, innocent: bool = False) -> Folder:
    """The incident of this seed, below `root`."""
    chance = random.Random(seed)
    root.mkdir(parents=True)
    maker = Maker(root, chance)
    story = chance.choice(INNOCENT if innocent else GUILTY)(maker.names, chance)
    return maker.made(story)


def present() -> datetime:
    """Now, as the incidents mean it."""
    return now()

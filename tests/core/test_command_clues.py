"""What command lines touch, and which of them only look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.command_clues import class_of_command, clues_of, only_reads, program_of


@pytest.mark.parametrize(("command", "clues", "kind"), [
    ("/usr/bin/systemctl restart shop nginx.service", ("unit:shop.service", "unit:nginx.service"), "runtime"),
    ("systemctl -q daemon-reload", (), "runtime"),
    ("service shop reload", ("unit:shop.service",), "runtime"),
    ("/usr/bin/vi /etc/nginx/nginx.conf", ("path:/etc/nginx/nginx.conf",), "configuration"),
    ("vi config/app.yaml", ("path:/srv/shop/config/app.yaml",), "configuration"),
    ("apt-get install -y nginx=1.24.0-1 libfoo", ("package:nginx", "package:libfoo"), "dependency"),
    ("env A=b nice -n5 /srv/shop/bin/job --out=/var/lib/shop/x.csv", ("path:/srv/shop/bin/job", "path:/var/lib/shop/x.csv"),
     "other"),
    ("iptables -A INPUT -j DROP", (), "infrastructure"),
    ("rm -rf /", (), "other"),
    ("cp '/srv/it'\"'\"'s/a.py' /srv/x/", ("path:/srv/it's/a.py", "path:/srv/x"), "code"),
    ("tee 'unfinished /etc/x/y.conf", ("path:/etc/x/y.conf",), "configuration"),
])  # fmt: skip
def test_clues_and_kind(command: str, clues: tuple[str, ...], kind: str) -> None:
    found = clues_of(command, "/srv/shop")
    assert found == clues
    assert class_of_command(command, found) == kind


@pytest.mark.parametrize(("command", "looks"), [
    ("/usr/bin/journalctl -u shop", True), ("systemctl status shop", True), ("systemctl restart shop", False),
    ("cat /etc/passwd", True), ("cat a > /etc/b", False), ("grep x y | tee z", False), ("vi /etc/x", False), ("", False),
])  # fmt: skip
def test_looks(command: str, looks: bool) -> None:
    assert only_reads(command) is looks


def test_programs() -> None:
    assert program_of("A=b nice -n 5 /usr/bin/rsync -a x y") == "rsync"
    assert program_of("/opt/job.sh --all") == "job.sh"


@given(st.text(max_size=200), st.text(max_size=20))
def test_any_text_is_survived(command: str, folder: str) -> None:
    clues = clues_of(command, folder)
    assert len(clues) <= 30
    class_of_command(command, clues)
    only_reads(command)

"""Laws of every shipped pattern of known trouble."""

import re
import time
from collections import Counter
from typing import get_args

import pytest

from mcp_server.engine.catalog import load_catalog
from mcp_server.logs.literals import required
from mcp_server.logs.troubles import CLUES, FindingCode, Trouble, _read, _shipped, load
from mcp_server.surface.tools import inventory

ALL = load()
FILES = {name: list(_read(name, text)) for name, text in _shipped()}
each = pytest.mark.parametrize("trouble", ALL.troubles, ids=lambda trouble: trouble.id)

HARMLESS = """\
203.0.113.9 - - [20/Nov/2026:10:31:07 +0000] "GET /errors/timeout?code=503 HTTP/1.1" 200 5120 "-" "Mozilla/5.0 (X11)"
203.0.113.9 - - [20/Nov/2026:10:31:07 +0000] "POST /login HTTP/2.0" 302 0 "https://shop.example/" "curl/8.5.0"
2026/11/20 10:31:07 [notice] 812#812: signal process started
2026/11/20 10:31:07 [notice] 801#801: worker process 812 exited with code 0
2026/11/20 10:31:07 [info] 812#812: *4 client 203.0.113.9 closed keepalive connection
Nov 20 10:31:07 web1 systemd[1]: Started shop.service - The shop.
Nov 20 10:31:07 web1 systemd[1]: shop.service: Deactivated successfully.
Nov 20 10:31:07 web1 systemd[1]: Reached target network-online.target.
Nov 20 10:31:07 web1 systemd[1]: Starting logrotate.service - Rotate log files...
Nov 20 10:31:07 web1 sshd[811]: Accepted publickey for deploy from 203.0.113.9 port 51000 ssh2: ED25519 SHA256:abc
Nov 20 10:31:07 web1 sshd[811]: pam_unix(sshd:session): session opened for user deploy(uid=1000) by (uid=0)
Nov 20 10:31:01 web1 CRON[811]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)
Nov 20 10:31:07 web1 sudo[811]:   deploy : TTY=pts/0 ; PWD=/srv/shop ; USER=root ; COMMAND=/usr/bin/systemctl status shop
Nov 20 10:31:07 web1 kernel: EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.
Nov 20 10:31:07 web1 kernel: e1000e 0000:00:1f.6 eno1: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx
Nov 20 10:31:07 web1 kernel: TCP: Hash tables configured (established 65536 bind 65536)
Nov 20 10:31:07 web1 kernel: Memory: 8123456K/8388608K available
Nov 20 10:31:07 web1 chronyd[611]: Selected source 162.159.200.1 (0.pool.ntp.example)
2026-11-20 10:31:07,120 INFO shop: order 4711 paid in 12 ms
2026-11-20 10:31:07,120 WARNING shop.cart: cart 18 holds an article that is no longer sold
2026-11-20 10:31:07,120 ERROR shop.cart: price of article 18 is missing
[2026-11-20 10:31:07 +0000] [801] [INFO] Listening at: http://127.0.0.1:8000 (801)
[2026-11-20 10:31:07 +0000] [801] [INFO] Booting worker with pid: 812
[2026-11-20 10:31:07,120: INFO/MainProcess] Task shop.tasks.mail[1b4e28ba] succeeded in 0.12s: None
2026-11-20 10:31:07.120  INFO 811 --- [main] o.s.b.w.e.TomcatWebServer : Tomcat started on port 8080 (http)
2026-11-20 10:31:07.120  INFO 811 --- [main] com.zaxxer.hikari.HikariDataSource : HikariPool-1 - Start completed.
[2026-11-20T10:31:07.120+0000][gc] GC(412) Pause Young (Normal) (G1 Evacuation Pause) 512M->128M(1024M) 8.331ms
(node:811) ExperimentalWarning: The Fetch API is an experimental feature.
Server listening on http://localhost:3000
2026/11/20 10:31:07 listening on :8080
[20-Nov-2026 10:31:07] NOTICE: fpm is running, pid 811
[801] - Worker 0 (PID: 812) booted in 0.52s, phase: 0
2026-11-20T10:31:07.120Z pid=811 tid=gn4 class=MailJob jid=1b elapsed=0.12 INFO: done
2026-11-20 10:31:07.120 UTC [811] LOG:  database system is ready to accept connections
2026-11-20 10:31:07.120 UTC [811] LOG:  checkpoint complete: wrote 412 buffers (2.5%); 0 WAL file(s) added
2026-11-20T10:31:07.120000Z 0 [System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. Version: '8.0.36'
811:M 20 Nov 2026 10:31:07.120 * Background saving terminated with success
811:M 20 Nov 2026 10:31:07.120 * DB saved on disk
{"t":{"$date":"2026-11-20T10:31:07.120+00:00"},"s":"I","c":"NETWORK","id":22943,"ctx":"listener","msg":"Connection accepted"}
[2026-11-20 10:31:07,120] INFO [GroupCoordinator 1]: Stabilized group shop generation 4 (kafka.coordinator.group)
2026-11-20 10:31:07.120 [info] <0.811.0> accepting AMQP connection <0.811.0> (10.0.0.9:51000 -> 10.0.0.5:5672)
[2026-11-20T10:31:07,120][INFO ][o.e.c.r.a.AllocationService] [es1] Cluster health status changed from [YELLOW] to [GREEN]
I1120 10:31:07.120000     811 kubelet.go:2448] "SyncLoop ADD" source="api" pods=["default/shop-6d9f7b"]
Normal  Scheduled  3s  default-scheduler  Successfully assigned default/shop-6d9f7b to node3
Normal  Pulled  2s  kubelet  Container image "registry.example/shop:v41" already present on machine
time="2026-11-20T10:31:07.120Z" level=info msg="Container 1b4e28ba2fa1 exited cleanly" exitCode=0
ts=2026-11-20T10:31:07.120Z caller=head.go:1350 level=info component=tsdb msg="WAL checkpoint complete" first=410 last=411
level=info msg="request" method=GET path=/healthz status=200 took=1.2ms
dpkg: status installed nginx 1.24.0-2
Requirement already satisfied: requests in ./venv/lib/python3.11/site-packages (2.32.3)
this message says nothing of interest, not even that something failed
""".splitlines()  # fmt: skip


def test_there_are_many_and_their_ids_are_unique_and_say_their_file() -> None:
    assert len(ALL.troubles) >= 140
    assert len({trouble.id for trouble in ALL.troubles}) == len(ALL.troubles)
    for name, troubles in FILES.items():
        assert all(trouble.id.split(".")[0] == name.removesuffix(".yaml") for trouble in troubles), name


@each
def test_it_is_found_in_its_samples_and_not_in_its_look_alikes(trouble: Trouble) -> None:
    for sample in trouble.samples:
        assert trouble.id in [match.trouble.id for match in ALL.match(sample)], sample
    for line in trouble.look_alikes:
        assert trouble.id not in [match.trouble.id for match in ALL.match(line)], line


def test_a_sample_is_one_trouble() -> None:
    found = [len(ALL.match(sample)) for trouble in ALL.troubles for sample in trouble.samples]
    assert found.count(1) >= 0.95 * len(found)
    assert max(found) <= 2


@each
def test_it_says_what_it_means_and_what_to_do(trouble: Trouble) -> None:
    assert trouble.meaning.endswith(".")
    assert all(len(cause) >= 5 and not cause.endswith(".") for cause in trouble.causes)
    assert all(cause.count("(") == cause.count(")") for cause in trouble.causes), "a comma inside brackets needs quotes"
    assert not trouble.title.endswith(".")


def test_what_to_ask_next_and_findings_exist() -> None:
    catalog = load_catalog()
    tools, codes = inventory(catalog), catalog.diagnostics["recent_errors"].findings
    assert {name for trouble in ALL.troubles for name in trouble.next} <= set(tools)
    assert set(get_args(FindingCode)) == set(codes) - {"other_errors", "known_trouble"}
    assert {trouble.finding for trouble in ALL.troubles if trouble.finding} == set(get_args(FindingCode))


@each
def test_its_expressions_are_of_both_dialects(trouble: Trouble) -> None:
    for pattern in (*trouble.match, *trouble.extract):
        required(pattern)
        groups = re.compile(pattern, re.M | re.ASCII).groupindex
        assert all(name in CLUES or re.fullmatch(r"[a-z][a-z_0-9]*", name) for name in groups)


def test_re2_reads_them_all() -> None:
    re2 = pytest.importorskip("re2")
    for trouble in ALL.troubles:
        for pattern in (*trouble.match, *trouble.extract):
            re2.compile(f"(?m){pattern}")


def test_harmless_lines_tell_of_nothing() -> None:
    found = [(HARMLESS[place], [match.trouble.id for match in matches]) for place, matches in ALL.match_many(HARMLESS)]
    assert found == []


@each
def test_its_own_words_repeated_cost_little(trouble: Trouble) -> None:
    for piece in (*trouble.samples, *trouble.literals()):
        text = (piece * (8_192 // len(piece) + 1))[:8_192]
        began = time.process_time()
        ALL.match(text)
        assert time.process_time() - began < 0.5, piece


def test_areas_are_covered() -> None:
    areas = Counter(trouble.id.split(".")[0] for trouble in ALL.troubles)
    wanted = (
        "nginx apache haproxy systemd kernel disk python python_servers java node go php ruby postgresql mysql redis mongodb "
        "messaging elasticsearch kubernetes containers network dns tls access system cloud monitoring"
    )
    assert all(areas[area] >= 4 for area in wanted.split()), areas

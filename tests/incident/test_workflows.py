"""Every workflow is carried out against something broken, and against something well, where it must raise no alarm."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.outcome import Outcome
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.escalation import matrix
from mcp_server.incident.pages import faults
from mcp_server.incident.playbooks import library
from mcp_server.surface.tools import inventory
from tests.incident.story import session_in

TOP = Path(__file__).parents[2]
CASES = TOP / "tests/cases"
TOOLS = inventory(load_catalog())
FOUND = library(load_catalog())
WORKFLOWS = {name: book for (kind, name), book in FOUND.items() if kind == "workflow"}
ELSEWHERE = {"502_504", "containers", "kubernetes_pods"}
"""Carried out on the real thing: nginx and gunicorn, a docker daemon, an API server."""
AT = "2026-11-28T02:00:00.000Z"


def looks(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((CASES / f"{name}.json").read_text(encoding="utf8"))["looks"]
    return found


def http(url: str, status: int = 200, **more: Any) -> list[dict[str, Any]]:
    return [{"call": {"kind": "http", "url": url}, "answer": {"status": status, "took_ms": 12, **more}}]


def host(**changed: Any) -> list[dict[str, Any]]:
    found = copy.deepcopy(looks("host_health/ok"))
    for look in found:
        if look["call"]["kind"] == "host":
            look["answer"] |= changed
    return found


def text_file(path: str, text: str, **call: Any) -> dict[str, Any]:
    answer = {"path": path, "text": text, "start": 0, "end": len(text), "size": len(text), "modified": AT}
    return {"call": {"kind": "file", "path": path, **call}, "answer": answer}


def counters(tracked: int) -> list[dict[str, Any]]:
    folder = "/proc/sys/net/netfilter"
    return [
        text_file("/proc/net/dev", "  eth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"), text_file("/proc/net/snmp", ""),
        text_file("/proc/net/netstat", ""), *host_sample(), text_file(f"{folder}/nf_conntrack_count", f"{tracked}\n"),
        text_file(f"{folder}/nf_conntrack_max", "262144\n"), text_file("/sys/class/net/eth0/flags", "0x1003\n"),
        text_file("/sys/class/net/eth0/operstate", "up\n"),
    ]  # fmt: skip


def host_sample() -> list[dict[str, Any]]:
    (look,) = [look for look in looks("host_health/ok") if look["call"]["kind"] == "host"]
    return [{"call": {"kind": "host", "sample_s": 2.0}, "answer": look["answer"]}]


def passwd(second: bool) -> list[dict[str, Any]]:
    found = copy.deepcopy(looks("intrusion_signs/ok"))
    for look in found:
        if second and look["call"].get("path") == "/etc/passwd" and look["call"]["kind"] == "file":
            look["answer"]["text"] += "toor:x:0:0::/root:/bin/bash\n"
    return found


SHOP = "http://127.0.0.1:8080/"
EXPIRED = {
    "subject": "shop", "issuer": "ca", "not_before": "2026-01-01T00:00:00Z", "not_after": "2026-11-27T00:00:00Z",
    "verified": False, "problem": "certificate has expired",
}  # fmt: skip
VALID = EXPIRED | {"not_after": "2027-11-27T00:00:00Z", "verified": True, "problem": None}
ACCESS, CACHE = 'access_logs = ["/var/log/nginx/access.log"]', 'cache = "127.0.0.1:6379"'
Row = tuple[str, list[dict[str, Any]], str, list[dict[str, Any]], str]
"""Settings of the service, what is broken, the finding, what is well, the question that then says ok."""


def by_case(settings: str, question: str, broken: str, code: str, well: str = "ok") -> Row:
    """Both from the recorded cases of one question."""
    return settings, looks(f"{question}/{broken}"), f"{question}.{code}", looks(f"{question}/{well}"), question


def by_answer(settings: str, url: str, broken: dict[str, Any], code: str, well: dict[str, Any]) -> Row:
    """By what an address answers."""
    return settings, http(url, **broken), f"http_check.{code}", http(url, **well), "http_check"


TLS = "https://shop.example.com/"
ROWS: dict[str, Row] = {
    "service_down": by_case(
        'process = "gunicorn"\nport = 8000', "service_status", "process_missing", "process_missing", "ok_not_booted_process"
    ),
    "high_latency": by_case(ACCESS, "http_error_rate", "slow", "slow"),
    "error_spike": by_case(ACCESS, "http_error_rate", "failing", "failing"),
    "cpu": by_case("", "host_health", "cpu_saturated", "cpu_saturated"),
    "memory": ("", host(memory_available=1_000_000), "host_health.memory_low", looks("host_health/ok"), "host_health"),
    "disk_full": by_case("", "disk_space", "full_tmpfs", "full", "ok_local"),
    "database": by_case('database_host = "127.0.0.1"', "database_status", "blocked", "blocked"),
    "cache": by_case(CACHE, "cache_status", "full", "full"),
    "dns": by_case('names = ["db.internal"]', "dns_check", "nxdomain", "unresolved"),
    "certificate": by_answer(f'url = "{TLS}"', TLS, {"certificate": EXPIRED}, "tls_expired", {"certificate": VALID}),
    "network": ("", counters(260_000), "network_health.conntrack", counters(100), "network_health"),
    "failed_deployment": by_answer(f'url = "{SHOP}"', SHOP, {"status": 500}, "server_error", {}),
    "queue_backlog": by_case(CACHE, "cache_status", "crowded", "lets_nobody_in"),
    "third_party": by_answer(f'vendors = ["{SHOP}"]', SHOP, {"status": 503}, "server_error", {}),
    "security": ("", passwd(True), "intrusion_signs.second_root", passwd(False), "intrusion_signs"),
    "monitoring_down": by_case("", "monitoring_watchdog", "silent", "silent"),
    "late_data": by_case('data = ["/data/export"]\ndata_hours = 26', "data_freshness", "late", "late"),
    "clock_skew": by_case('url = "https://shop.example/"', "clock_check", "off", "off"),
}


def triage(session: Session, folder: Path, name: str, found: list[dict[str, Any]], at: str) -> Outcome:
    from pydantic import TypeAdapter

    from mcp_server.core.call_types import ANSWER_TYPES, AnyCall

    kept = []
    for look in found:
        call = TypeAdapter(AnyCall).validate_python(look["call"])
        item: dict[str, Any] = {"call": call.model_dump(mode="json")}
        if "answer" in look:
            item["answer"] = ANSWER_TYPES[call.kind].model_validate(look["answer"]).model_dump(mode="json")
        else:
            item["failure"] = look["failure"]
        kept.append(item)
    recording = folder / "recording.json"
    recording.write_text(json.dumps({"place": "local", "at": at, "looks": kept}), encoding="utf8")
    target = f"recorded:{recording}"
    opened = TOOLS["open_incident"].call(session, {"title": f"drill of {name}", "target": target, "onset": at}, Asking())
    return TOOLS["triage"].call(session, {"incident": opened.incident, "playbook": name}, Asking())


def moment(name: str, healthy: bool) -> str:
    """When it was recorded: the cases of access logs and of the host have moments of their own."""
    if name in ("high_latency", "error_spike"):
        return "2026-11-28T01:59:10.000Z"
    return "2026-11-20T12:54:31.000Z" if name in ("cpu", "memory", "service_down") else AT


@pytest.mark.parametrize("name", sorted(ROWS))
def test_it_finds_what_is_broken_and_raises_no_alarm_when_well(name: str, tmp_path: Path) -> None:
    settings, broken, code, well, question = ROWS[name]
    monitoring = '[monitoring]\nprometheus = "http://127.0.0.1:9090"\nalertmanager = "http://127.0.0.1:9093"\n'
    with session_in(tmp_path, f"{monitoring}[services.shop]\n{settings}\n") as session:
        told = triage(session, tmp_path, name, broken, moment(name, False))
        assert told.verdict == "finding"
        assert code in {finding.code for finding in told.findings}
        calm = triage(session, tmp_path, name, well, moment(name, True))
    assert calm.verdict in ("ok", "unknown"), [finding.code for finding in calm.findings]
    assert {part.verdict for part in calm.parts if part.name == question} == {"ok"}


def test_every_workflow_is_carried_out_somewhere() -> None:
    assert set(ROWS) | ELSEWHERE == set(WORKFLOWS)


# --- the form of a page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_page_has_the_form(name: str, tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        areas = frozenset(row.area for row in matrix(session)[0])
    assert list(faults(WORKFLOWS[name], areas)) == []


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_what_a_page_names_exists(name: str) -> None:
    book = WORKFLOWS[name]
    assert book.route.about
    assert len(book.route.symptoms) >= 6
    assert (TOP / book.verified_by).is_file()

"""The document is the procedure: a step that cannot be carried out stops the start, or is a blind spot; never silence."""

from pathlib import Path

import pytest

from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.settings import ServiceSettings
from mcp_server.engine.catalog import load_catalog
from mcp_server.incident.playbooks import asked, context_of, library, named, route
from mcp_server.incident.record import Incident
from tests.incident.story import ONSET, at

CATALOG = load_catalog()
INCIDENT = Incident(id="INC-1", title="t", state="open", opened=at(60), onset=ONSET, target="local")
INDEX = "---\nkind: index\nname: index\nsummary: A summary for a test of routing.\nverified: 2026-11-20\n---\n# Index\n"


def books(folder: Path, steps: str, name: str = "flows/one.md", more: str = "") -> Path:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / "00_INDEX.md").write_text(INDEX, encoding="utf8")
    front = f"kind: flow\nname: one\nsummary: A summary for a test of steps.\nverified: 2026-11-20\n{more}steps:\n{steps}"
    (folder / name).write_text(f"---\n{front}\n---\n# One\n", encoding="utf8")
    return folder


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("  - ask: disk_spice", "`name` is `disk_spice`"),
        ("  - ask: disk_space\n    with: {warn: 5}", "unknown argument `warn`"),
        ("  - ask: disk_space\n    with: {warn_percent: 500}", "`warn_percent` is `500`"),
        ("  - ask: http_check\n    with: {url: '{service.ulr}'}", "there is no place {service.ulr}"),
        ("  - ask: http_check\n    with: {url: '{finding.url}'}", "there is no place {finding.url}"),
        ("  - ask: disk_space\n    needs: [service.nothing]", "there is no place {service.nothing}"),
        ("  - ask: disk_space\n    when: never", "`steps.0.when`"),
        ("  - ask: [", "cannot be read as a playbook"),
    ],
)
def test_a_step_that_cannot_be_carried_out_is_named_with_its_file(step: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(Broken) as error:
        library(CATALOG, books(tmp_path, step))
    assert words in error.value.sentence()
    assert "one.md" in error.value.sentence()


def test_what_is_not_declared_is_a_blind_spot_with_its_remedy(tmp_path: Path) -> None:
    steps = (
        "  - ask: http_check\n    with: {url: '{service.url}'}\n"
        "  - ask: service_status\n    any_of: [service.unit, service.port]\n    optional: {port: '{service.port}'}\n"
        "  - ask: disk_space\n"
    )
    found = library(CATALOG, books(tmp_path, steps))
    result = list(asked([named(found, "one")], context_of(INCIDENT, "shop", ServiceSettings())))
    assert [(item.ask, item.blind is None) for item in result] == [
        ("http_check", False), ("service_status", False), ("disk_space", True),
    ]  # fmt: skip
    assert result[0].blind and "declare url under [services.shop]" in result[0].blind.remedy
    assert result[1].blind and "service.unit or service.port is not declared" in result[1].blind.reason


def test_places_keep_their_kind_and_the_same_question_is_asked_once(tmp_path: Path) -> None:
    steps = (
        "  - ask: recent_errors\n    with: {paths: '{service.logs}', since: '{incident.since}'}\n"
        "  - ask: listening_ports\n    with: {port: '{service.port}'}\n    optional: {expect: '{service.process}'}\n"
        "  - ask: http_check\n    with: {url: 'http://127.0.0.1:{service.port}/{service.name}'}\n"
    )
    found = library(CATALOG, books(tmp_path, steps))
    service = ServiceSettings(logs=("/var/log/a.log", "/var/log/b.log"), port=8000)
    flow = named(found, "one")
    result = [item.arguments for item in asked([flow, flow], context_of(INCIDENT, "shop", service))]
    assert result == [
        {"paths": ["/var/log/a.log", "/var/log/b.log"], "since": "2026-11-20T09:21:07.000Z"},
        {"port": 8000},
        {"url": "http://127.0.0.1:8000/shop"},
    ]


@pytest.mark.parametrize(
    ("title", "workflow"),
    [
        ("shop answers 502", "502_504"),
        ("BAD GATEWAY on checkout", "502_504"),
        ("requests end in Gateway Timeout", "502_504"),
        ("order 15024 is lost", None),
        ("the printer is on fire", None),
    ],
)
def test_the_router_reads_words(title: str, workflow: str | None) -> None:
    chosen = route(library(CATALOG), title)
    assert (chosen["workflow"].name if "workflow" in chosen else None) == workflow
    assert chosen["flow"].name == "triage"


def test_unknown_names_get_the_valid_ones() -> None:
    with pytest.raises(BadInput, match="502_504"):
        named(library(CATALOG), "503")


def test_two_documents_of_one_name_stop_the_start(tmp_path: Path) -> None:
    books(tmp_path, "  - ask: disk_space")
    books(tmp_path, "  - ask: disk_space", "flows/two.md")
    with pytest.raises(Broken, match="exists already"):
        library(CATALOG, tmp_path)

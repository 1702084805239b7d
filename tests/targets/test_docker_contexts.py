"""Docker's contexts: read, listed, never switched; damage is named and hides nothing else."""

import json
from pathlib import Path

import pytest

from mcp_server.core.docker_calls import ReadDockerContexts
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets.docker_contexts import contexts, look


def context(home: Path, folder: str, content: object) -> None:
    path = home / ".docker/contexts/meta" / folder
    path.mkdir(parents=True)
    (path / "meta.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_contexts_by_name_with_their_certificates(tmp_path: Path) -> None:
    from hashlib import sha256

    context(tmp_path, "a", {"Name": "prod", "Endpoints": {"docker": {"Host": "tcp://10.0.0.1:2376", "SkipTLSVerify": True}}})
    (tmp_path / ".docker/contexts/tls" / sha256(b"prod").hexdigest() / "docker").mkdir(parents=True)
    found, failed = contexts({"HOME": str(tmp_path)})
    assert list(found) == ["default", "prod"] and not failed
    assert found["default"].url == "unix:///var/run/docker.sock" and found["default"].certificates is None
    assert found["prod"].certificates and not found["prod"].verify


@pytest.mark.parametrize("damage", ["{", "[]", '{"Name": 3, "Endpoints": {"docker": {"Host": "x"}}}', '{"Name": "x"}', "\x00"])
def test_a_damaged_context_is_named_and_hides_nothing(tmp_path: Path, damage: str) -> None:
    context(tmp_path, "a", damage)
    context(tmp_path, "b", {"Name": "good", "Endpoints": {"docker": {"Host": "unix:///x"}}})
    found, failed = contexts({"HOME": str(tmp_path)})
    assert list(found) == ["default", "good"] and list(failed) == [str(tmp_path / ".docker/contexts/meta/a/meta.json")]


def test_the_default_is_what_it_is_to_docker(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "DOCKER_HOST": "tcp://h:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}
    default = contexts(env)[0]["default"]
    assert (default.url, default.certificates, default.verify) == ("tcp://h:2376", "/certs", True)


def test_a_user_in_an_address_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "ssh://root:s3cret@web1")
    told = look(ReadDockerContexts(), Limits(), ReadSettings())
    assert told.contexts[0].endpoint == "ssh://web1"

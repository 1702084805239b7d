"""Settings: defaults < file < environment; each value knows its source; a wrong one stops the start with a sentence."""

import re
from pathlib import Path

import pytest

from mcp_server.core.errors import Broken
from mcp_server.core.settings import load_settings


def env(tmp_path: Path, text: str | None = None, **more: str) -> dict[str, str]:
    values = {"HOME": str(tmp_path), **more}
    if text is not None:
        (tmp_path / "veteran.toml").write_text(text, encoding="utf8")
        values["VETERAN_CONFIG"] = str(tmp_path / "veteran.toml")
    return values


def test_defaults_need_no_file(tmp_path: Path) -> None:
    settings = load_settings(env(tmp_path))
    assert settings.state_dir == str(tmp_path / ".local/state/veteran")
    assert settings.source_of("limits.look_s") == "default"


def test_the_file_wins_over_defaults_and_the_environment_over_the_file(tmp_path: Path) -> None:
    text = "[limits]\nlook_s = 3\ncall_s = 20\n[services.shop]\nport = 8000\n"
    settings = load_settings(env(tmp_path, text, VETERAN_LIMITS_LOOK_S="5", VETERAN_READ_ROOTS="/srv:/var/log"))
    assert (settings.limits.look_s, settings.limits.call_s) == (5, 20)
    assert settings.read.roots == ("/srv", "/var/log")
    assert settings.services["shop"].port == 8000
    assert settings.source_of("limits.look_s") == "environment VETERAN_LIMITS_LOOK_S"
    assert settings.source_of("limits.call_s").startswith("file ")
    assert settings.source_of("services.shop.port").startswith("file ")


def test_xdg_folders_are_honoured(tmp_path: Path) -> None:
    (tmp_path / "config" / "veteran").mkdir(parents=True)
    (tmp_path / "config" / "veteran" / "config.toml").write_text("[limits]\nparallel = 2\n")
    settings = load_settings(env(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"), XDG_STATE_HOME=str(tmp_path / "s")))
    assert settings.limits.parallel == 2
    assert settings.state_dir == str(tmp_path / "s" / "veteran")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[limits]\nlok_s = 3\n", "limits.lok_s.*did you mean `look_s`"),
        ("[limit]\nlook_s = 3\n", "`limit` .*unknown; did you mean `limits`"),
        ("[limits]\nlook_s = 'soon'\n", "limits.look_s.*'soon'.*number"),
        ("[limits]\nlook_s = -1\n", "limits.look_s.*-1.*greater than 0"),
        ("[services.shop]\nports = 8000\n", "services.shop.ports.*did you mean `port`"),
        ("[services.shop]\nport = 80000\n", "services.shop.port.*80000"),
        ("services = 3\n", "services.*3"),
        ("[limits\n", "cannot be read"),
        ("[logs]\npatterns = 'own'\n", "logs.patterns.*'own'.*absolute path"),
        ("state_dir = 5\n", r"setting `state_dir` \(file .*\) is 5: Input should be a valid string"),
        ("[limitz]\nlook_s = 3\n", r"setting `limitz` \(file .*\) is unknown; did you mean `limits`\? mend"),
    ],
)
def test_a_wrong_file_stops_the_start_with_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Broken, match=says):
        load_settings(env(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("VETERAN_LIMIT_LOOK_S", "3", "VETERAN_LIMIT_LOOK_S is no setting.*VETERAN_LIMITS_LOOK_S"),
        ("VETERAN_LIMITS_LOOK_S", "fast", "limits.look_s.*environment VETERAN_LIMITS_LOOK_S.*'fast'"),
        ("VETERAN_CONFIG", "/nowhere/x.toml", "/nowhere/x.toml, which is not a file"),
        ("VETERAN_STATE_DIR", "", r"setting `state_dir` \(environment VETERAN_STATE_DIR\) is ''"),
    ],
)
def test_a_wrong_environment_stops_the_start_with_a_sentence(tmp_path: Path, name: str, value: str, says: str) -> None:
    with pytest.raises(Broken) as caught:
        load_settings(env(tmp_path, **{name: value}))
    import re

    assert re.search(says, caught.value.sentence())


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load_settings(env(tmp_path))
    with pytest.raises(ValueError, match="frozen"):
        settings.limits.look_s = 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[gate]\noperations = "{state}/operations"', "gate.operations"),
        ('[approvals]\nallowed_signers = "{state}/../state/signers"', "approvals.allowed_signers"),
        ('[approvals]\nstanding = "{link}/standing"', "approvals.standing"),
    ],
)
def test_what_decides_about_changes_is_out_of_the_servers_reach(tmp_path: Path, text: str, what: str) -> None:
    state, link, path = tmp_path / "state", tmp_path / "link", tmp_path / "veteran.toml"
    state.mkdir()
    link.symlink_to(state)
    path.write_text(text.format(state=state, link=link), encoding="utf8")
    with pytest.raises(Broken, match=f"{re.escape(what)} .* lies below state_dir"):
        load_settings({"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(state), "VETERAN_CONFIG": str(path)})
    path = state / "veteran.toml"
    path.write_text("", encoding="utf8")
    with pytest.raises(Broken, match=r"the settings file .* lies below state_dir"):
        load_settings({"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(state), "VETERAN_CONFIG": str(path)})

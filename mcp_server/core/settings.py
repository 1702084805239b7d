"""Settings: one frozen record. Defaults, then one file, then the environment; every value can say where it came from."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from mcp_server.core.environment import Kind, Protection
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.maintenance import MaintenanceSettings
from mcp_server.core.text import one_line


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReadSettings(_Section):
    """What the read door may open."""

    roots: tuple[str, ...] = Field(("/",), description="folders that may be read; everything else is refused")
    denied: tuple[str, ...] = Field(
        ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/proc/kcore", "/proc/kmsg", "/dev"),
        description="paths never opened, even inside the roots",
    )


class LimitSettings(_Section):
    """What one look, one call and one answer may cost."""

    look_s: float = Field(10, gt=0, le=120, description="seconds for one look (a command, a file, a request)")
    call_s: float = Field(60, gt=0, le=600, description="seconds for one question, all its looks together")
    output_bytes: int = Field(1_048_576, ge=4_096, le=67_108_864, description="bytes kept of one look")
    answer_chars: int = Field(6_000, ge=500, le=200_000, description="characters of one answer before it is paged")
    parallel: int = Field(4, ge=1, le=32, description="questions asked at the same time")


class LogSettings(_Section):
    """How the logs of this place are read."""

    zones: Mapping[str, str] = Field(
        {}, description="zone (IANA name) of stamps that name none, by the beginning of the log's path; the longest counts"
    )

    patterns: str | None = Field(None, max_length=4_096, description="folder of your own patterns of known troubles (*.yaml)")
    journal: str | None = Field(
        None, max_length=4_096, description="folder of journal files that changes are read from, instead of this host's journal"
    )

    @field_validator("patterns", "journal")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError("an absolute path, such as /etc/veteran/patterns")
        return value

    @field_validator("zones")
    @classmethod
    def _known(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        from zoneinfo import ZoneInfo  # most starts name none

        for prefix, name in value.items():
            try:
                ZoneInfo(name)
            except (ValueError, OSError, KeyError):
                raise ValueError(f"`{prefix}` names the zone `{one_line(name, 60)}`, which is no IANA name") from None
        return value

    def zone_of(self, name: str) -> str | None:
        """The zone named for this log, None where none is."""
        fitting = [prefix for prefix in self.zones if name.startswith(prefix)]
        return self.zones[max(fitting, key=len)] if fitting else None


class ChangeSettings(_Section):
    """Where else changes are told."""

    feeds: tuple[str, ...] = Field(
        (),
        max_length=20,
        description="files of JSON lines (at, kind, component, summary, reference, clues) that tell of deployments, flags, CI",
    )

    @field_validator("feeds")
    @classmethod
    def _absolute(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not path.startswith("/") for path in value):
            raise ValueError("absolute paths, such as /var/lib/deploys.jsonl")
        return value


class AuthoritySettings(_Section):
    """The organisation's own rules, read when an incident opens."""

    paths: tuple[str, ...] = Field(
        ("CLAUDE.md", "IMPORTANT", "docs/incident_response"), description="files or folders, most authoritative first"
    )


class KnowledgeSettings(_Section):
    """What `search_knowledge` searches besides the playbooks and the ledger."""

    paths: tuple[str, ...] = Field((), description="folders or files of your own runbooks (*.md, *.rst, *.txt), absolute paths")
    playbooks: tuple[str, ...] = Field((), description="folders of your own playbooks; check_playbooks checks them")
    commits: int = Field(5_000, ge=0, le=100_000, description="newest commits per declared checkout; 0: none")


class MonitoringSettings(_Section):
    """Where what watches can be asked whether it is awake."""

    prometheus: str | None = Field(None, description="http(s) address of Prometheus")
    alertmanager: str | None = Field(None, description="http(s) address of Alertmanager")


class ToolSettings(_Section):
    """What a client sees of the tools."""

    sets: tuple[str, ...] = Field(
        (), description="groups of tools that a client is offered, as list_diagnostics and the reference name them; empty: all"
    )


class ServiceSettings(_Section):
    """A declared service: where its parts are, so that playbooks can look at the right place."""

    url: str | None = Field(None, description="address that users call")
    root: str | None = Field(None, description="folder of the application, usually a git checkout")
    folders: tuple[str, ...] = Field((), description="further configuration trees to watch for changes")
    logs: tuple[str, ...] = Field((), description="log files, most telling first")
    nginx: str | None = Field(None, description="nginx configuration file in front of it")
    python: str | None = Field(None, description="virtual environment or interpreter that runs it")
    entry: str | None = Field(None, description="module the server imports, such as shop.wsgi")
    unit: str | None = Field(None, description="systemd unit")
    container: str | None = Field(None, description="its container or compose project: docker://[CONTEXT/]NAME")
    workload: str | None = Field(None, description="its workload in Kubernetes: k8s://CONTEXT/NAMESPACE[/KIND/NAME]")
    process: str | None = Field(None, description="words found in its command line")
    port: int | None = Field(None, ge=1, le=65535, description="port the application itself listens on")
    ocid: str | None = Field(None, max_length=250, description="OCID of the instance or container instance it runs in")
    start: tuple[str, ...] = Field((), description="argv that starts it, where no service manager does (kind process)")
    pid_file: str | None = Field(None, pattern=r"^/", description="file that holds its process number while it runs")
    stop_s: float = Field(10, gt=0, le=300, description="seconds it may take to stop before that counts as failed")
    requirements: str | None = Field(None, pattern=r"^/", description="the project's own lock: pinned packages with hashes")
    nicknames: tuple[str, ...] = Field((), description="other names people use for it")
    access_logs: tuple[str, ...] = Field((), description="access logs in front of it: requests, status, time")
    database_host: str | None = Field(None, description="its PostgreSQL server: name, address, or folder of the socket")
    database_port: int | None = Field(None, ge=1, le=65535, description="its port; default 5432")
    database_user: str | None = Field(None, description="a role that may look (pg_monitor); psql knows its password")
    cache: str | None = Field(None, description="its Redis: host:port or unix:/path")
    vendors: tuple[str, ...] = Field((), description="addresses of third parties it needs: http(s) URLs that answer when well")
    names: tuple[str, ...] = Field((), description="host names it resolves")
    data: tuple[str, ...] = Field((), description="files or folders whose newest content must be fresh")
    data_hours: float | None = Field(None, gt=0, description="how old that may be, in hours; default 24")
    depends_on: tuple[str, ...] = Field(
        (), description="what it needs: a declared service, unit:NAME, port:N, HOST:PORT or a socket's path"
    )

    @field_validator("container", "workload")
    @classmethod
    def _place(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        from mcp_server.core.address import parse  # few settings name one

        try:
            address = parse(value)
        except BadInput as error:
            raise ValueError(error.message) from None
        if info.field_name == "container" and (address.kind != "docker" or address.part(1) is None):
            raise ValueError("a container or compose project: docker://NAME or docker://CONTEXT/NAME")
        if info.field_name == "workload" and (address.kind != "k8s" or address.part(1) is None):
            raise ValueError("a namespace or workload: k8s://CONTEXT/NAMESPACE or k8s://CONTEXT/NAMESPACE/KIND/NAME")
        return str(address)


class EnvironmentSettings(_Section):
    """An environment in which operations may be carried out. What is not said counts in the strictest sense."""

    kind: Kind = Field(description="process, systemd, docker, kubernetes or oci")
    target: str = Field("local", max_length=300, description="place its reads go to, as every tool takes it")
    protection: Protection = Field("production", description="dev, staging or production: decides what an approval must be")
    approvers: tuple[str, ...] = Field((), description="who may approve: accounts or principals of keys; none: anybody")
    tell: tuple[str, ...] = Field((), description="who is told before something changes here")
    files: tuple[str, ...] = Field((), description="folders below which files may be replaced or cleared")
    options: Mapping[str, str] = Field({}, description="what the kind needs besides: namespace, context, compartment …")


class GateSettings(_Section):
    """The gate before every change."""

    writes: bool = Field(True, description="false: nothing is changed at all, whoever approves (kill switch)")
    operations: str | None = Field(None, max_length=4_096, pattern=r"^/", description="folder of your own operations (*.yaml)")
    protected: tuple[str, ...] = Field((), description="further protected targets: unit:NAME, path:/x, program:NAME")
    approval_s: int = Field(600, ge=30, le=86_400, description="seconds until an approval expires")


class ApprovalSettings(_Section):
    """How a person says yes."""

    allowed_signers: str | None = Field(
        None,
        max_length=4_096,
        pattern=r"^/",
        description="OpenSSH file of the keys whose signatures count; none: no signature does",
    )
    standing: str | None = Field(
        None, max_length=4_096, pattern=r"^/", description="folder of standing approvals (*.yaml with *.yaml.sig)"
    )
    dialog_s: int = Field(240, ge=1, le=3_600, description="seconds that a dialog in the client stays open")


class Settings(_Section):
    """Everything that can be set. `sources` says for each dotted key where its value came from."""

    state_dir: str = Field(pattern=r"^/", description="folder of the ledger, evidence and reports: the only place ever written")
    gate_dir: str = Field("", description="folder of approvals and executions, which the locked server cannot write")
    read: ReadSettings = ReadSettings()
    limits: LimitSettings = LimitSettings()
    logs: LogSettings = LogSettings()
    changes: ChangeSettings = ChangeSettings()
    authority: AuthoritySettings = AuthoritySettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    tools: ToolSettings = ToolSettings()
    gate: GateSettings = GateSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    services: Mapping[str, ServiceSettings] = {}
    environments: Mapping[str, EnvironmentSettings] = {}
    maintenance: tuple[MaintenanceSettings, ...] = Field((), max_length=1_000)
    sources: Mapping[str, str] = Field({}, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _beside(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("gate_dir") and isinstance(data.get("state_dir"), str):
            return data | {"gate_dir": data["state_dir"].rstrip("/") + "-gate"}
        return data

    @field_validator("gate_dir")
    @classmethod
    def _apart(cls, value: str, info: ValidationInfo) -> str:
        state = os.path.realpath(info.data.get("state_dir", "/nowhere"))
        gate = os.path.realpath(value)
        if not value.startswith("/") or os.path.commonpath((state, gate)) in (state, gate):
            raise ValueError("an absolute path beside state_dir, neither inside it nor around it")
        return value

    @field_validator("environments")
    @classmethod
    def _named(cls, value: Mapping[str, EnvironmentSettings]) -> Mapping[str, EnvironmentSettings]:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name):
                raise ValueError(
                    f"`{one_line(name, 60)}` is no name of an environment: a-z first, then a-z 0-9 _ -, at most 40"
                )
        return value

    @field_validator("maintenance")
    @classmethod
    def _declared(cls, value: tuple[MaintenanceSettings, ...], info: ValidationInfo) -> tuple[MaintenanceSettings, ...]:
        for name in (name for item in value for name in item.services):
            if name not in info.data.get("services", {}):
                raise ValueError(f"a window names the service `{one_line(name, 60)}`, which is not declared")
        return value

    def source_of(self, key: str) -> str:
        """`default`, `file PATH` or `environment NAME` for a dotted key such as `limits.look_s`."""
        return self.sources.get(key, "default")


_SECTIONS: dict[str, type[_Section]] = {
    "read": ReadSettings, "limits": LimitSettings, "logs": LogSettings, "changes": ChangeSettings,
    "authority": AuthoritySettings, "knowledge": KnowledgeSettings, "monitoring": MonitoringSettings, "tools": ToolSettings,
}  # fmt: skip
_NAMED: dict[str, type[BaseModel]] = {
    "services": ServiceSettings, "environments": EnvironmentSettings, "gate": GateSettings,
    "maintenance": MaintenanceSettings,
}  # fmt: skip
"""Sections that the file alone may set: those with names of their own, and the gate, which no starter's environment opens."""
_PREFIX = "VETERAN_"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this start. Raises Broken with one sentence for an unknown key or a value that cannot be used.

    The file is `$VETERAN_CONFIG`, else `~/.config/veteran/config.toml` (XDG rules) when it exists.
    """
    env = os.environ if environment is None else environment
    sources: dict[str, str] = {}
    values: dict[str, Any] = {"state_dir": _default_state(env)}
    path = _config_path(env)
    if path is not None:
        _merge(values, _read_file(path), f"file {path}", sources)
    _merge(values, _from_environment(env), "environment", sources)
    for key in ("state_dir", "gate_dir"):
        if isinstance(named := values.get(key), str) and named.strip():  # anything else is refused below, with a sentence
            values[key] = str(Path(named).expanduser().absolute())
    try:
        settings = Settings(**values, sources=sources)
    except ValidationError as error:
        raise Broken(_sentence(error, sources), "mend the value and start again") from None
    _out_of_reach(settings, path)
    return settings


def _out_of_reach(settings: Settings, path: Path | None) -> None:
    """What decides about changes must not lie where the locked server can write. Raises Broken."""
    state = os.path.realpath(settings.state_dir)
    named = (
        ("the settings file", str(path) if path else None), ("gate.operations", settings.gate.operations),
        ("approvals.allowed_signers", settings.approvals.allowed_signers), ("approvals.standing", settings.approvals.standing),
    )  # fmt: skip
    for what, where in named:
        if where is not None and os.path.commonpath((state, os.path.realpath(where))) == state:
            raise Broken(f"{what} ({one_line(where)}) lies below state_dir, where the server writes", "keep it elsewhere")


def _default_state(env: Mapping[str, str]) -> str:
    base = env.get("XDG_STATE_HOME") or os.path.join(env.get("HOME") or os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "veteran")


def _config_path(env: Mapping[str, str]) -> Path | None:
    if named := env.get(_PREFIX + "CONFIG"):
        if not Path(named).is_file():
            raise Broken(f"{_PREFIX}CONFIG names {one_line(named)}, which is not a file", "correct or unset it")
        return Path(named)
    base = env.get("XDG_CONFIG_HOME") or os.path.join(env.get("HOME") or os.path.expanduser("~"), ".config")
    default = Path(base, "veteran", "config.toml")
    return default if default.is_file() else None


def _read_file(path: Path) -> dict[str, Any]:
    import tomllib  # most starts have no file

    try:
        return tomllib.loads(path.read_text(encoding="utf8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Broken(f"settings file {path} cannot be read: {one_line(error)}") from None


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    names: dict[str, tuple[str, ...]] = {_PREFIX + "STATE_DIR": ("state_dir",), _PREFIX + "GATE_DIR": ("gate_dir",)}
    names |= {
        f"{_PREFIX}{section}_{key}".upper(): (section, key) for section, cls in _SECTIONS.items() for key in cls.model_fields
    }
    for name, text in env.items():
        if not name.startswith(_PREFIX) or name == _PREFIX + "CONFIG":
            continue
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            raise Broken(f"environment variable {name} is no setting", f"did you mean {close[0]}?" if close else "unset it")
        where = names[name]
        if len(where) == 1:
            values[where[0]] = text
        else:
            annotation = str(_SECTIONS[where[0]].model_fields[where[1]].annotation)
            split: Any = tuple(text.split(os.pathsep)) if "tuple" in annotation else text
            if "Mapping" in annotation:  # /var/log/shop=Europe/Berlin:/var/log/db=UTC
                split = dict(item.rpartition("=")[::2] for item in text.split(os.pathsep))
            values.setdefault(where[0], {})[where[1]] = split
    return values


def _merge(values: dict[str, Any], more: Mapping[str, Any], source: str, sources: dict[str, str], above: str = "") -> None:
    for key, value in more.items():
        dotted = f"{above}{key}"
        if isinstance(value, Mapping):
            inner = values.setdefault(key, {})
            if isinstance(inner, dict):
                _merge(inner, value, source, sources, dotted + ".")
                continue
        values[key] = value
        sources[dotted] = source if source != "environment" else f"environment {_PREFIX}{dotted.upper().replace('.', '_')}"


def _sentence(error: ValidationError, sources: Mapping[str, str]) -> str:
    item = error.errors()[0]
    key = ".".join(str(part) for part in item["loc"])
    # a section as a whole has no source of its own: what stands in it has
    origin = next((source for name, source in sources.items() if f"{name}.".startswith(f"{key}.")), "default")
    if item["type"] == "extra_forbidden":
        place: Any = Settings
        for part in item["loc"][:-1]:
            place = _NAMED.get(str(item["loc"][0])) or _SECTIONS.get(str(part), ServiceSettings)
        valid = [name for name in place.model_fields if name != "sources"]
        close = difflib.get_close_matches(str(item["loc"][-1]), valid, n=1)
        hint = f"; did you mean `{close[0]}`?" if close else f"; valid keys here: {', '.join(valid)}"
        return f"setting `{key}` ({origin}) is unknown{hint}"
    return f"setting `{key}` ({origin}) is {one_line(repr(item['input']), 80)}: {item['msg']}"

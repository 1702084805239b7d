"""Docker: one container at a time, through the SDK's client. Only the executor process imports this."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import JsonValue

from mcp_server.core.address import parse
from mcp_server.core.errors import VeteranError
from mcp_server.core.text import one_line
from mcp_server.core.writer import Doing, WriteFailed

STOP_S = 30
_MIB = 1_048_576


@contextmanager
def _client(doing: Doing) -> Iterator[Any]:
    """A client of the environment's daemon. What the daemon refuses becomes WriteFailed; a time-out leaves it open."""
    import docker
    from docker.tls import TLSConfig

    from mcp_server.targets.docker_contexts import endpoint_of

    try:
        endpoint = endpoint_of(parse(doing.environment.target).parts[0])
        folder = endpoint.certificates
        tls: Any = False
        if folder is not None:
            pair = (f"{folder}/cert.pem", f"{folder}/key.pem")
            tls = TLSConfig(client_cert=pair, ca_cert=f"{folder}/ca.pem", verify=endpoint.verify)
        client = docker.APIClient(endpoint.url, version="auto", timeout=int(doing.timeout_s) + STOP_S, tls=tls)
    except (VeteranError, docker.errors.DockerException) as error:
        raise WriteFailed(f"the daemon cannot be reached: {one_line(error, 200)}", sure=True) from None
    try:
        yield client
    except docker.errors.APIError as error:
        raise WriteFailed(f"the daemon refused: {_told(error, 200)}") from None
    finally:
        client.close()


def _told(error: Exception, limit: int) -> str:
    """A daemon's own words where it said some."""
    return one_line(getattr(error, "explanation", None) or error, limit)


def _id(client: Any, arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    """The container of this name, which must be the one that was planned on."""
    name, planned = str(arguments["container"]), doing.before.get("id")
    found = str(client.inspect_container(name)["Id"])
    if planned and not found.startswith(str(planned)):
        raise WriteFailed(f"container {name} is another one by now", sure=True)
    return found


def _start(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    with _client(doing) as client:
        client.start(_id(client, arguments, doing))
    return "the daemon started it"


def _stop(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    with _client(doing) as client:
        client.stop(_id(client, arguments, doing))  # its own stop time-out counts
    return "the daemon stopped it"


def _restart(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    with _client(doing) as client:
        found = client.inspect_container(_id(client, arguments, doing))
        client.restart(found["Id"], timeout=found["Config"].get("StopTimeout") or 10)
    return "the daemon restarted it"


def _limit(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    with _client(doing) as client:
        found = client.inspect_container(_id(client, arguments, doing))
        body: dict[str, Any] = {}
        if (memory := arguments.get("memory_mib")) is not None:
            body["Memory"] = int(str(memory)) * _MIB
            # swap counts memory in: without this a new limit above the old sum is refused; what it may have beside it stays
            old, both = (found["HostConfig"].get(key) or 0 for key in ("Memory", "MemorySwap"))
            body["MemorySwap"] = -1 if both == -1 else body["Memory"] + (both - old if 0 < old <= both else body["Memory"])
        if (cpus := arguments.get("cpus")) is not None:
            body["NanoCpus"] = round(float(str(cpus)) * 1e9)
        if (pids := arguments.get("pids")) is not None:
            body["PidsLimit"] = int(str(pids))
        client._raise_for_status(client._post_json(client._url("/containers/{0}/update", found["Id"]), data=body))
    return "the daemon changed its limits"


def _recreate(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    """The new one is created beside the old before anything is stopped: what cannot be created changes nothing."""
    with _client(doing) as client:
        old = client.inspect_container(_id(client, arguments, doing))
        image = client.inspect_image(str(arguments["image"]))
        if image["Id"] != doing.before.get("new_image_id", image["Id"]):
            raise WriteFailed("the name of the image means another one by now", sure=True)
        if old["HostConfig"].get("AutoRemove"):
            raise WriteFailed("it is removed when it stops, so nothing could be kept to go back to", sure=True)
        name, aside = old["Name"].removeprefix("/"), _aside(old)
        body, networks = _body(client, old, str(arguments["image"]))
        made = client.post(client._url("/containers/create"), params={"name": f"{name}-new-{old['Id'][:12]}"}, json=body)
        client._raise_for_status(made)
        new = made.json()["Id"]
        try:
            for network, endpoint in networks.items():
                client._raise_for_status(
                    client._post_json(
                        client._url("/networks/{0}/connect", network), data={"Container": new, "EndpointConfig": endpoint}
                    )
                )
            client.stop(old["Id"])
            # a kept container must not come back by itself when the daemon starts
            client.update_container(old["Id"], restart_policy={"Name": "no"})
            client.rename(old["Id"], aside)
            client.rename(new, name)
            client.start(new)
        except Exception as error:
            try:
                _remove_unless_named(client, new, name)
            except Exception as another:  # noqa: BLE001 -- whatever it is, it must not hide the reason
                left = f"{name}-new-{old['Id'][:12]} is left half-made, it could not be removed"
                raise WriteFailed(f"{_told(error, 120)}; {left}: {_told(another, 60)}") from error
            raise
    return f"made anew; the one before is kept as {aside}"


def _remove_unless_named(client: Any, container: str, name: str) -> None:
    """A half-made container under a passing name is of no use to anybody; under the real name it is for the way back."""
    if client.inspect_container(container)["Name"] != f"/{name}":
        client.remove_container(container, force=True)


def _restore(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    """The kept one gets its name back. Done in an order in which each cut-off can be taken up again."""
    name, kept = str(arguments["container"]), str(arguments["kept"])
    with _client(doing) as client:
        old = client.inspect_container(kept)
        if old["Name"] != f"/{name}":
            if (there := _named(client, name)) is not None:
                client.remove_container(there, force=True, v=False)
            client.rename(old["Id"], name)
        policy, _, most = str(arguments["restart_policy"]).partition(":")
        restart = {"Name": policy} | ({"MaximumRetryCount": int(most)} if most else {})
        client.update_container(old["Id"], restart_policy=restart)
        if doing.before.get("running", True) is not False:
            client.start(old["Id"])
    return "the kept container has its name back"


def _named(client: Any, name: str) -> str | None:
    found = client.containers(all=True, filters={"name": f"^/{name}$"})
    return str(found[0]["Id"]) if found else None


def _aside(old: Mapping[str, Any]) -> str:
    return f"{old['Name'].removeprefix('/')}-before-{old['Id'][:12]}"


# --- the configuration, as it was given and not as its image filled it up ------------------------------------------


def _body(client: Any, old: Mapping[str, Any], image: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What to create the new one from, and the networks that it is connected to afterwards."""
    base: Mapping[str, Any] = client.inspect_image(old["Image"]).get("Config") or {}
    config = {key: value for key, value in old["Config"].items() if value not in (None, "", [], {}) and value != base.get(key)}
    if old["Config"].get("Hostname") == old["Id"][:12]:
        config.pop("Hostname", None)  # the daemon's own, from the id
    given = [item for item in old["Config"].get("Env") or () if item not in (base.get("Env") or ())]
    config["Env"] = given
    labels = base.get("Labels") or {}
    config["Labels"] = {key: value for key, value in (old["Config"].get("Labels") or {}).items() if labels.get(key) != value}
    if "Entrypoint" in config or "Cmd" in config:  # one without the other would lose what was given
        config |= {key: old["Config"].get(key) for key in ("Entrypoint", "Cmd") if old["Config"].get(key)}
    host = dict(old["HostConfig"])
    host["Binds"] = [*(host.get("Binds") or []), *_anonymous(old, host)]
    networks = dict((old["NetworkSettings"].get("Networks") or {}).items())
    mode = host.get("NetworkMode") or "default"
    endpoints = {name: _endpoint(endpoint, old["Id"][:12]) for name, endpoint in networks.items()}
    first = {mode: endpoints.pop(mode)} if mode in endpoints and mode not in ("host", "none", "default", "bridge") else {}
    for name in ("host", "none", "default", "bridge"):
        if name == mode or (name == "bridge" and mode == "default"):
            endpoints.pop(name, None)
    return config | {"Image": image, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": first}}, endpoints


def _anonymous(old: Mapping[str, Any], host: Mapping[str, Any]) -> Iterator[str]:
    """Volumes without a name of their own: their data goes along."""
    known = {item.split(":")[1] for item in host.get("Binds") or () if ":" in item}
    known |= {item.get("Target") for item in host.get("Mounts") or ()}
    for mount in old.get("Mounts") or ():
        if mount.get("Type") == "volume" and mount.get("Name") and mount["Destination"] not in known:
            yield f"{mount['Name']}:{mount['Destination']}" + ("" if mount.get("RW", True) else ":ro")


def _endpoint(endpoint: Mapping[str, Any], own: str) -> dict[str, Any]:
    kept = {key: endpoint.get(key) for key in ("IPAMConfig", "Links", "DriverOpts") if endpoint.get(key)}
    aliases = [name for name in endpoint.get("Aliases") or () if name != own]
    return kept | ({"Aliases": aliases} if aliases else {})


VERBS: dict[str, Callable[[Mapping[str, JsonValue], Doing], str]] = {
    "start_container": _start, "stop_container": _stop, "restart_container": _restart, "limit_container": _limit,
    "recreate_container": _recreate, "restore_container": _restore,
}  # fmt: skip

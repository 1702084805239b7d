"""Oracle Cloud: reads of one resource through its SDK, an optional part that is imported when it is first needed."""

from typing import Any

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.oci_calls import OCID, OciResource, ReadOciResource
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer ReadOciResource. Raises CouldNotLook: missing (no SDK, no such resource), denied, unreachable, failed."""
    limits.check()
    assert isinstance(call, ReadOciResource)
    try:
        found = get(client(call.id, call.profile, call.config_file, call.endpoint, limits.timeout_s), call.id)
    except CouldNotLook:
        raise
    except Exception as error:  # noqa: BLE001 -- the SDK's own kinds are known only once it is imported
        raise failure(call.title(), error) from None
    return found


def client(ocid: str, profile: str, config_file: str | None, endpoint: str | None, timeout_s: float) -> Any:
    """The client for this kind of resource. Raises CouldNotLook where the SDK or its configuration is missing."""
    try:
        import oci
    except ImportError:
        raise CouldNotLook(
            "Oracle Cloud", "missing", "the package oci is not installed", "pip install 'veteran[oci]'"
        ) from None
    try:
        config = oci.config.from_file(config_file or oci.config.DEFAULT_LOCATION, profile)
        oci.config.validate_config(config)
    except (oci.exceptions.ConfigFileNotFound, oci.exceptions.ProfileNotFound, oci.exceptions.InvalidConfig) as error:
        raise CouldNotLook(
            "Oracle Cloud",
            "missing",
            f"profile {one_line(profile, 40)}: {one_line(error, 160)}",
            "see `options` of the environment",
        ) from None
    match = OCID.fullmatch(ocid)
    assert match is not None
    more: dict[str, Any] = {"timeout": (min(timeout_s, 10), timeout_s), "retry_strategy": oci.retry.NoneRetryStrategy()}
    if endpoint:
        more["service_endpoint"] = endpoint
    if match[1] == "instance":
        from oci.core import ComputeClient

        return ComputeClient(config, **more)
    from oci.container_instances import ContainerInstanceClient

    return ContainerInstanceClient(config, **more)


def get(of: Any, ocid: str) -> OciResource:
    """The resource as this client sees it."""
    answer = of.get_instance(ocid) if hasattr(of, "get_instance") else of.get_container_instance(ocid)
    data = answer.data
    return OciResource(
        id=data.id, name=data.display_name or "", state=data.lifecycle_state, shape=data.shape or "",
        fault=getattr(data, "lifecycle_details", "") or "", etag=answer.headers.get("etag", ""),
    )  # fmt: skip


def failure(what: str, error: Exception) -> CouldNotLook:
    """The SDK's error as a failed look; its text is cut, its request is not shown."""
    status = getattr(error, "status", None)
    said = one_line(getattr(error, "message", None) or error, 200)
    if status in (401, 403):
        return CouldNotLook(what, "denied", said, "the profile needs the right to inspect and read it")
    if status == 404:
        return CouldNotLook(what, "missing", f"{said} (or no right to see it)")
    if status is None and type(error).__name__ in ("RequestException", "ConnectTimeout", "MaxRetryError"):
        return CouldNotLook(what, "unreachable", said)
    return CouldNotLook(what, "failed", said)

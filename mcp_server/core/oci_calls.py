"""Ways to look at Oracle Cloud: one compute instance or container instance, by its OCID."""

import re
from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call
from mcp_server.core.noun import Noun

OCID = re.compile(r"ocid1\.(instance|computecontainerinstance)\.[a-z0-9-]{2,20}\.[a-z0-9-]{0,40}\.[a-z0-9]{4,100}", re.ASCII)


class OciResource(Noun):
    """One resource as the cloud tells of it. `etag` changes with every change of it."""

    id: str
    name: str
    state: str = Field(description="lifecycle state, such as RUNNING, ACTIVE, STOPPED")
    shape: str = ""
    fault: str = Field("", description="what the cloud says about its state")
    etag: str = ""


class ReadOciResource(Call[OciResource]):
    """Its state now. `profile` and `config_file` say with whose rights; the place is the region of that profile."""

    kind: Literal["oci_resource"] = "oci_resource"
    id: str = Field(pattern=OCID.pattern)
    profile: str = "DEFAULT"
    config_file: str | None = None
    endpoint: str | None = Field(None, description="address of the service, where it is not the region's own")

    def title(self) -> str:
        return f"oci {self.id[:60]}"


ANSWERS: dict[type[Call[Any]], type[Noun]] = {ReadOciResource: OciResource}
"""The calls of this module, each with the type of its answer."""

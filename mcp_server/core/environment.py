"""An environment: where operations are carried out, and how protected it is."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from mcp_server.core.noun import Noun

Kind = Literal["process", "systemd", "docker", "kubernetes", "oci"]
Protection = Literal["dev", "staging", "production"]
PROTECTIONS: tuple[Protection, ...] = ("dev", "staging", "production")
"""Least protected first."""


class Environment(Noun):
    """One environment, as the settings name it or as it was detected."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    kind: Kind
    target: str = Field("local", description="address of the place its reads go to, as every tool takes it")
    protection: Protection = "production"
    approvers: tuple[str, ...] = Field((), description="who may approve; empty: whoever a valid route names")
    tell: tuple[str, ...] = Field((), description="who is told before something changes here: channels or roles")
    files: tuple[str, ...] = Field((), description="folders below which files may be replaced or cleared; none: no file is")
    options: Mapping[str, str] = Field({}, description="what its kind needs besides, such as `namespace` or `context`")
    detected: bool = Field(False, description="not declared in the settings: kind was seen, protection is the strictest")

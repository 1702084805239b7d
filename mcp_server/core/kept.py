"""The name under which the old content of a file is kept until it may be put back."""

import hashlib
import json
from collections.abc import Mapping

from pydantic import JsonValue

_TOLD = ("content", "size", "mode", "owner", "modified")


def kept_name(path: str, state: Mapping[str, JsonValue]) -> str:
    """The same for the same file in the same state, so that a plan can name it before anything is kept."""
    return hashlib.sha256(json.dumps([path, *(state.get(key) for key in _TOLD)]).encode()).hexdigest()

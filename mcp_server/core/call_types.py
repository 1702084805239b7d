"""Every call and every answer by its tag, for reading them back from the ledger or a recording.

Imported only then: the calls of a kind of place cost nothing before one of them is met. A module of calls holds `ANSWERS`,
its calls with the types of their answers, and stands in `_MODULES`.
"""

from typing import Annotated, Any, Union

from pydantic import Field

from mcp_server.core import (
    calls,
    docker_calls,
    git_calls,
    journal_calls,
    kubernetes_calls,
    log_calls,
    oci_calls,
    package_calls,
    state_calls,
    store_calls,
)
from mcp_server.core.call import Call
from mcp_server.core.noun import Noun

_MODULES = (
    calls,
    docker_calls,
    git_calls,
    journal_calls,
    kubernetes_calls,
    log_calls,
    oci_calls,
    package_calls,
    state_calls,
    store_calls,
)

_ALL: dict[type[Call[Any]], type[Noun]] = {call: answer for module in _MODULES for call, answer in module.ANSWERS.items()}

ANSWER_TYPES: dict[str, type[Noun]] = {call.model_fields["kind"].default: answer for call, answer in _ALL.items()}
"""Answer type per call kind."""

AnyCall: Any = Annotated[Union[tuple(_ALL)], Field(discriminator="kind")]  # noqa: UP007 -- made from the modules
"""Any call, told by its `kind`."""

"""Every setting with its value and where that came from."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.core.outcome import Coverage, Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Nothing to choose."""


VERB = Verb(
    summary="Which settings are in force? Every value with its source: default, file or environment; secrets hidden.",
    group="record",
    tool=False,
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """From the settings of this start."""
    settings = session.settings
    values = dict(_flat(session.redactor.data(settings.model_dump(mode="json"))))

    def work() -> Told:
        return Told(
            statements=tuple(
                Statement(
                    text="{key} = {value}  ({source})", values={"key": key, "value": value, "source": _source(session, key)}
                )
                for key, value in values.items()
            ),
            coverage=Coverage(looked=("settings of this start",)),
        )

    return tell(session, asking, "show_config", params, work, "settings")


def _flat(node: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str | int | float | bool | None]]:
    """Dotted keys; a list is shown joined, nothing set as `none`."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            if value:
                yield from _flat(value, f"{above}{key}.")
            else:
                yield f"{above}{key}", "none"
        elif isinstance(value, list):
            yield f"{above}{key}", ", ".join(map(str, value)) or "none"
        else:
            yield f"{above}{key}", "none" if value is None else value


def _source(session: Session, key: str) -> str:
    return session.settings.source_of(key)

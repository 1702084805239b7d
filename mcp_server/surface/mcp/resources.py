"""Resources: evidence, outcomes, reports and playbooks, by address."""

from typing import Any

from mcp_types import ListResourcesResult, ListResourceTemplatesResult

from mcp_server.engine.session import Session


class Resources:
    """Serves `resources/*`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self, ctx: Any, params: Any) -> ListResourcesResult:
        return ListResourcesResult(resources=[])

    async def templates(self, ctx: Any, params: Any) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=[])

    async def read(self, ctx: Any, params: Any) -> Any:
        raise NotImplementedError

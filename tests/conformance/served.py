"""Our server object over HTTP, with the SDK's own conformance fixtures mounted beside what it has: `served.py PORT SDK STATE`.

The suite talks HTTP and expects tools, resources and prompts of certain names. They come from the SDK's source release (not
copied here); every request still goes through the server that `build` makes, its handlers, limits and strict arguments.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from mcp.shared.exceptions import MCPError

from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Session
from mcp_server.surface.mcp.calls import Calls
from mcp_server.surface.mcp.server import build

Handler = Callable[[Any, Any], Awaitable[Any]]
LISTS = {"tools/list": "tools", "resources/list": "resources", "prompts/list": "prompts",
         "resources/templates/list": "resource_templates"}  # fmt: skip
CHOICES = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}


def both(ours: Handler, theirs: Handler, field: str) -> Handler:
    """A listing that holds what either lists; theirs first, on the first page."""

    async def listing(ctx: Any, params: Any) -> Any:
        own = await ours(ctx, params)
        if getattr(params, "cursor", None):
            return own
        more = await theirs(ctx, params)
        return own.model_copy(update={field: [*getattr(more, field), *getattr(own, field)]})

    return listing


def either(ours: Handler, theirs: Handler, field: str) -> Handler:
    """A request that goes to the fixtures when it names one of them, else to us."""

    async def choice(ctx: Any, params: Any) -> Any:
        name = str(getattr(params, field))
        return await (theirs if name.startswith(("test_", "test://", "json_schema")) else ours)(ctx, params)

    return choice


def completion(ours: Handler, theirs: Handler) -> Handler:
    """Our completion, and theirs for what we do not know."""

    async def complete(ctx: Any, params: Any) -> Any:
        try:
            return await ours(ctx, params)
        except MCPError:
            return await theirs(ctx, params)

    return complete


def main(port: int, fixtures: str, state: str) -> None:
    """Serve until killed."""
    sys.path.insert(0, fixtures)
    from mcp_everything_server.server import event_store, mcp

    inner = mcp._lowlevel_server
    session = Session(load_settings({"VETERAN_STATE_DIR": state, "HOME": state, "PATH": "/usr/bin:/bin"}), program="test")
    server = build(session, Calls(session))
    for method, entry in inner._request_handlers.items():
        ours = server.get_request_handler(method)
        handler = entry.handler
        if ours is None:
            server.add_request_handler(method, entry.params_type, handler)
        elif method in LISTS:
            server.add_request_handler(method, entry.params_type, both(ours.handler, handler, LISTS[method]))
        elif method in CHOICES:
            server.add_request_handler(method, entry.params_type, either(ours.handler, handler, CHOICES[method]))
        elif method == "completion/complete":
            server.add_request_handler(method, entry.params_type, completion(ours.handler, handler))
    server.middleware.extend(inner.middleware[1:])  # the fixtures' sealed state; the first is everyone's
    app = server.streamable_http_app(event_store=event_store, retry_interval=100)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), str(Path(sys.argv[2])), sys.argv[3])

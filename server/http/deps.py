"""What a route asks for: the server's context and the caller."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from server.context import ServerContext
from server.http.caller import Caller


def get_context(request: Request) -> ServerContext:
    """Return the context that the application opened."""
    context: ServerContext = request.app.state.context
    return context


Context = Annotated[ServerContext, Depends(get_context)]


async def get_caller(request: Request, context: Context) -> Caller:
    """Return who calls."""
    return await context.identify(request)


Owner = Annotated[Caller, Depends(get_caller)]

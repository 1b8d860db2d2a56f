"""What a route asks for: the server's context, and a caller who may do what the route does."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import SecurityScopes
from starlette.exceptions import HTTPException
from starlette.types import Scope

from core.errors import VidenceError
from server.context import ServerContext
from server.http.caller import Caller
from server.http.problem import document
from server.security.identify import require
from server.telemetry.scope import enter_owner


def get_context(request: Request) -> ServerContext:
    """Return the context that the application opened."""
    context: ServerContext = request.app.state.context
    return context


Context = Annotated[ServerContext, Depends(get_context)]


async def get_caller(request: Request, context: Context, scopes: SecurityScopes) -> Caller:
    """Return who calls; raises 401 without credentials, 403 without the permission, 429 over the rate.

    Or 503 while the database is away, before anything waits for it.
    """
    context.ledger.check()
    caller: Caller = getattr(request.state, "caller", None) or await context.identify(request)
    enter_owner(caller.owner)
    await context.rate.hit(caller.owner)
    for permission in scopes.scopes:
        require(caller, permission)  # type: ignore[arg-type]
    return caller


async def admit(scope: Scope) -> None:
    """Find out who sends a body before it is read; raises 401 or 503. `get_caller` uses what was found."""
    context: ServerContext = scope["app"].state.context
    try:
        context.ledger.check()
        scope.setdefault("state", {})["caller"] = await context.identify(Request(scope))
    except VidenceError as error:
        # Of all that goes wrong while a body is read FastAPI lets only its own exception through.
        raise HTTPException(document(error).status, error.message) from error


Reads = Annotated[Caller, Security(get_caller, scopes=["read"])]
Asks = Annotated[Caller, Security(get_caller, scopes=["ask"])]
Searches = Annotated[Caller, Security(get_caller, scopes=["search"])]
Indexes = Annotated[Caller, Security(get_caller, scopes=["index"])]
Evaluates = Annotated[Caller, Security(get_caller, scopes=["evaluate"])]
Trains = Annotated[Caller, Security(get_caller, scopes=["train"])]
Measures = Annotated[Caller, Security(get_caller, scopes=["metrics"])]
ManagesKeys = Annotated[Caller, Security(get_caller, scopes=["keys"])]
Audits = Annotated[Caller, Security(get_caller, scopes=["audit"])]

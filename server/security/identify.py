"""From a request's credentials to its caller, as the settings say: API keys, OpenID tokens, or nobody."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from core.errors import VidenceError, invalid_input
from core.settings import Settings
from server.http.caller import Caller, Identify, anonymous
from server.security.keys import PREFIX, KeyStore
from server.security.roles import ROLES, Permission
from server.security.tokens import TokenVerifier

KEY_HEADER = "x-api-key"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def open_identify(settings: Settings, keys: KeyStore) -> Identify:
    """Return what names the caller of a request.

    Raises:
        VidenceError: `invalid_input` when the settings name a provider without an audience.
    """
    if settings.server_auth == "none":
        return anonymous
    if settings.server_oidc_issuer and not settings.server_oidc_audience:
        raise invalid_input(
            "VIDENCE_SERVER_OIDC_ISSUER is set without an audience",
            help="Set VIDENCE_SERVER_OIDC_AUDIENCE to what `aud` is in tokens for this server.",
        )
    verifier = TokenVerifier(settings) if settings.server_oidc_issuer else None
    return _Identifier(settings, keys, verifier)


def check_address(settings: Settings, host: str) -> None:
    """Refuse to let everybody in: without keys only this machine is served.

    Raises:
        VidenceError: `invalid_input` for another address without authentication.
    """
    if settings.server_auth == "none" and host not in LOOPBACK:
        raise invalid_input(
            f"Anyone who reaches {host} could use the server: there is no authentication",
            help="Make a key with `vidence keys create --role admin` and set VIDENCE_SERVER_AUTH=keys, "
            "or listen on 127.0.0.1.",
        )


class _Identifier:
    def __init__(self, settings: Settings, keys: KeyStore, verifier: TokenVerifier | None) -> None:
        self._settings = settings
        self._keys = keys
        self._verifier = verifier

    async def __call__(self, request: Request) -> Caller:
        """Return the caller, or raise 401."""
        text = _credential(request)
        if not text:
            raise _refused("This server asks for a key", "Send `Authorization: Bearer KEY`.")
        if self._verifier is None or text.startswith(f"{PREFIX}_"):
            key = await self._keys.find(text)
            if key is None:
                raise _refused("The key is unknown, revoked or expired", "Ask an admin for a new one.")
            return Caller(key.owner, key.permissions, f"key {key.key_id}")
        claims = await self._verifier.claims(text)
        if claims is None:
            raise _refused("The token is not valid here", "Sign in again.")
        # Named by its issuer too: no provider's user can have the name of a key's owner.
        return Caller(f"{claims['iss']}#{self._subject(claims)}", self._permissions(claims), "token")

    def _subject(self, claims: dict[str, Any]) -> str:
        """Return who owns what a token's user makes; users that the claim does not name share no owner."""
        claim = self._settings.server_oidc_owner_claim
        subject = claims.get(claim)
        if isinstance(subject, bool) or not isinstance(subject, str | int) or not str(subject).strip():
            raise _refused(
                f"The token names nobody in `{claim}`",
                "Have the provider add it, or set VIDENCE_SERVER_OIDC_OWNER_CLAIM to another claim.",
            )
        return str(subject)

    def _permissions(self, claims: dict[str, Any]) -> frozenset[Permission]:
        held = claims.get(self._settings.server_oidc_role_claim)
        names = [held] if isinstance(held, str) else held if isinstance(held, list | dict) else ()
        return frozenset().union(*(ROLES[name] for name in names if isinstance(name, str) and name in ROLES))


def _credential(request: Request) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    return request.headers.get(KEY_HEADER, "").strip()


def _refused(detail: str, help: str) -> HTTPException:
    return HTTPException(401, f"{detail}. {help}", headers={"WWW-Authenticate": 'Bearer realm="vidence"'})


def require(caller: Caller, permission: Permission) -> None:
    """Raise `blocked` (403) when a caller may not do something."""
    if permission not in caller.permissions:
        raise VidenceError(
            "blocked",
            f"This needs the permission `{permission}`",
            help="Ask an admin for a key whose role or scopes have it.",
        )

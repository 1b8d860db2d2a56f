"""Tokens of an OpenID Connect provider, by setting (RFC 7519; OpenID Connect Core, section 3.1.3.7)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import jwt

from core.certificates import trusted
from core.errors import VidenceError, unavailable
from core.settings import Settings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with a public key only: a token that names another algorithm is refused."""
LEEWAY_S = 30
KEEP_S = 300.0
AGAIN_S = 10.0
TIMEOUT_S = 5.0


class TokenVerifier:
    """Checks tokens against the provider's published keys, which are fetched when first needed.

    Args:
        settings: With `server_oidc_issuer` and `server_oidc_audience`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: dict[str, Any] = {}
        self._fetched = 0.0
        self._lock = asyncio.Lock()

    async def claims(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that is the provider's, for us and in time; None otherwise.

        Raises:
            VidenceError: `unavailable` when the provider's keys cannot be fetched.
        """
        try:
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            return None
        if head.get("alg") not in ALGORITHMS:
            return None
        key = await self._key(str(head.get("kid", "")))
        if key is None:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._settings.server_oidc_audience,
                issuer=self._settings.server_oidc_issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
        except jwt.PyJWTError:
            return None
        return claims

    async def _key(self, kid: str) -> Any:
        if self._stale(kid):
            async with self._lock:
                if self._stale(kid):
                    await self._fetch()
        return self._keys.get(kid)

    def _stale(self, kid: str) -> bool:
        age = time.monotonic() - self._fetched
        # A made-up key id may make us ask the provider again only so often.
        return not self._keys or age > KEEP_S or (kid not in self._keys and age > AGAIN_S)

    async def _fetch(self) -> None:
        issuer = self._settings.server_oidc_issuer.rstrip("/")
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, verify=trusted()) as client:
                address = self._settings.server_oidc_jwks_url
                if not address:
                    found = await client.get(f"{issuer}/.well-known/openid-configuration")
                    address = str(found.raise_for_status().json()["jwks_uri"])
                body = (await client.get(address)).raise_for_status().json()
            keys = jwt.PyJWKSet.from_dict(body).keys
        except (httpx.HTTPError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            raise _unreachable(issuer, error) from error
        self._keys = {str(key.key_id or ""): key for key in keys}
        self._fetched = time.monotonic()


def _unreachable(issuer: str, error: Exception) -> VidenceError:
    return unavailable(
        f"The keys of {issuer} cannot be read ({type(error).__name__})",
        help="Check VIDENCE_SERVER_OIDC_ISSUER and VIDENCE_SERVER_OIDC_JWKS_URL.",
    )

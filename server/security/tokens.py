"""Tokens of an OpenID Connect provider, by setting (RFC 7519; OpenID Connect Core, section 3.1.3.7)."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Any

import httpx
import jwt

from core.certificates import trusted
from core.errors import VidenceError, unavailable
from core.settings import Settings

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with a public key only: a token that names another algorithm is refused."""
LEEWAY_S = 30
KEEP_S = 300.0
AWAY_S = 3600.0
"""How long the provider's keys are used while it cannot be asked for newer ones."""
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
        self._fetched = self._asked = -math.inf
        self._away: Exception | None = None
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
        # Only who needs a newer key waits for one that is being fetched.
        if self._stale(kid) and not (self._usable(kid) and self._lock.locked()):
            async with self._lock:
                if self._stale(kid):
                    await self._refresh()
        if self._usable(kid):
            return self._keys[kid]
        if self._away is not None:
            raise _unreachable(self._settings.server_oidc_issuer, self._away)
        return None

    def _usable(self, kid: str) -> bool:
        return kid in self._keys and time.monotonic() - self._fetched < AWAY_S

    def _stale(self, kid: str) -> bool:
        now = time.monotonic()
        # A made-up key id, or a provider that is away, may make us ask again only so often.
        return now - self._asked > AGAIN_S and (kid not in self._keys or now - self._fetched > KEEP_S)

    async def _refresh(self) -> None:
        try:
            await self._fetch()
            self._fetched, self._away = time.monotonic(), None
        except (httpx.HTTPError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            log.warning("The keys of the OpenID provider cannot be read: %s", type(error).__name__)
            self._away = error
        finally:
            self._asked = time.monotonic()

    async def _fetch(self) -> None:
        issuer = self._settings.server_oidc_issuer.rstrip("/")
        async with httpx.AsyncClient(timeout=TIMEOUT_S, verify=trusted()) as client:
            address = self._settings.server_oidc_jwks_url
            if not address:
                found = await client.get(f"{issuer}/.well-known/openid-configuration")
                address = str(found.raise_for_status().json()["jwks_uri"])
            body = (await client.get(address)).raise_for_status().json()
        keys = jwt.PyJWKSet.from_dict(body).keys
        self._keys = {str(key.key_id or ""): key for key in keys}


def _unreachable(issuer: str, error: Exception) -> VidenceError:
    return unavailable(
        f"The keys of {issuer} cannot be read ({type(error).__name__})",
        help="Check VIDENCE_SERVER_OIDC_ISSUER and VIDENCE_SERVER_OIDC_JWKS_URL.",
    )

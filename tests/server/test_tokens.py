"""Tokens of an OpenID Connect provider: only its own, for us, in time, signed with a public key."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.exceptions import HTTPException
from starlette.requests import Request

from core.errors import VidenceError
from core.settings import Settings
from server.security import tokens
from server.security.identify import open_identify
from server.security.tokens import TokenVerifier
from tests.support.live_server import live


class Provider:
    """Publishes its key and signs tokens."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.fetches = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.fetches += self.path == "/jwks"
                body = json.dumps(provider.answer(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks"}
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**jwk, "kid": "k1", "use": "sig", "alg": "RS256"}]}

    def token(self, key: Any = None, algorithm: str = "RS256", kid: str = "k1", **claims: Any) -> str:
        now = int(time.time())
        body = {
            "iss": self.issuer,
            "aud": "vidence",
            "sub": "ada",
            "iat": now,
            "exp": now + 60,
            "roles": ["operator", "dancer"],
            **claims,
        }
        body = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(body, key or self.key, algorithm, headers={"kid": kid})


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider()
    thread = Thread(target=provider.server.serve_forever)
    thread.start()
    yield provider
    provider.server.shutdown()
    thread.join()
    provider.server.server_close()


@pytest.fixture(scope="module")
def client(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with live(
        tmp_path_factory.mktemp("oidc"),
        identify=None,
        server_auth="keys",
        server_oidc_issuer=provider.issuer,
        server_oidc_audience="vidence",
    ) as client:
        yield client


def status(client: httpx.Client, token: str, path: str = "/v1/runs") -> int:
    return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_token_opens_what_its_roles_allow(client: httpx.Client, provider: Provider) -> None:
    token = provider.token()
    assert status(client, token) == 200
    assert status(client, token, "/v1/apikeys") == 403
    assert status(client, provider.token(roles="admin"), "/v1/apikeys") == 200
    assert status(client, provider.token(roles=None)) == 403


def test_two_providers_users_and_keys_never_share_an_owner(client: httpx.Client, provider: Provider) -> None:
    headers = {"Authorization": f"Bearer {provider.token()}"}
    run = client.post("/v1/runs", json={"question": "What is it?"}, headers=headers).json()
    other = {"Authorization": f"Bearer {provider.token(sub='eve')}"}
    assert client.get(f"/v1/runs/{run['run_id']}", headers=other).status_code == 404
    assert client.get(f"/v1/runs/{run['run_id']}", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"nbf": 2**33},
    ],
)
def test_another_issuer_audience_or_time_is_refused(
    client: httpx.Client, provider: Provider, claims: dict[str, Any]
) -> None:
    assert status(client, provider.token(**claims)) == 401


@pytest.mark.parametrize("held", [3, [{"name": "viewer"}], {"name": 1}, [None]])
def test_roles_of_another_form_allow_nothing(client: httpx.Client, provider: Provider, held: Any) -> None:
    assert status(client, provider.token(roles=held)) == 403


@pytest.mark.parametrize("named", [{}, {"email": ""}, {"email": ["a"]}, {"email": {"a": 1}}, {"email": True}])
async def test_users_whom_the_owner_claim_does_not_name_are_refused_instead_of_sharing_an_owner(
    provider: Provider, tmp_path: Path, named: dict[str, Any]
) -> None:
    settings = Settings(
        home=tmp_path,
        server_auth="keys",
        server_oidc_issuer=provider.issuer,
        server_oidc_audience="vidence",
        server_oidc_owner_claim="email",
    )
    identify = open_identify(settings, None)  # type: ignore[arg-type]
    with pytest.raises(HTTPException, match="names nobody in `email`") as refused:
        await identify(_request(provider.token(**named)))
    assert refused.value.status_code == 401
    known = await identify(_request(provider.token(email="ada@x.org")))
    assert known.owner == f"{provider.issuer}#ada@x.org"


def _request(token: str) -> Request:
    return Request({"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]})


async def test_a_provider_that_is_away_locks_nobody_out_whose_key_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = Provider()
    thread = Thread(target=provider.server.serve_forever)
    thread.start()
    settings = Settings(server_oidc_issuer=provider.issuer, server_oidc_audience="vidence")
    verifier, now = TokenVerifier(settings), 1000.0
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: now))
    try:
        token = provider.token()
        assert await verifier.claims(token)
    finally:
        await asyncio.to_thread(provider.server.shutdown)
        thread.join()
        provider.server.server_close()
    now += tokens.KEEP_S + 1
    assert await verifier.claims(token)
    with pytest.raises(VidenceError, match="cannot be read"):
        await verifier.claims(provider.token(kid="newer"))
    now += tokens.AWAY_S
    with pytest.raises(VidenceError, match="cannot be read"):
        await verifier.claims(token)


def test_a_forged_signature_is_refused(client: httpx.Client, provider: Provider) -> None:
    stranger = rsa.generate_private_key(65537, 2048)
    assert status(client, provider.token(stranger)) == 401
    # The public key as the secret of a symmetric signature: the classic confusion.
    assert status(client, provider.token("x" * 64, "HS256")) == 401
    assert status(client, provider.token(ec.generate_private_key(ec.SECP256R1()), "ES256")) == 401
    head, body, _ = provider.token().split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').rstrip(b"=").decode()
    assert status(client, f"{unsigned}.{body}.") == 401
    assert status(client, f"{head}.{body}.") == 401


def test_unknown_key_ids_do_not_make_us_ask_the_provider_each_time(
    client: httpx.Client, provider: Provider
) -> None:
    assert status(client, provider.token()) == 200
    before = provider.fetches
    for number in range(5):
        assert status(client, provider.token(kid=f"made-up-{number}")) == 401
    assert provider.fetches <= before + 1


def test_a_provider_that_is_away_is_named(tmp_path: Path) -> None:
    gone = Provider()
    gone.server.server_close()
    with live(
        tmp_path,
        identify=None,
        server_auth="keys",
        server_oidc_issuer=gone.issuer,
        server_oidc_audience="vidence",
    ) as client:
        reply = client.get("/v1/runs", headers={"Authorization": f"Bearer {gone.token()}"})
        assert reply.status_code == 503
        assert "VIDENCE_SERVER_OIDC" in reply.json()["help"]

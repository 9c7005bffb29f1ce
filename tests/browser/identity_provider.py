"""A small OpenID Connect provider on this machine: people to choose from, some of them forged."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from threading import Thread
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
import uvicorn
from fastapi import FastAPI, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.services.harness import free_port, until

CLIENT, SECRET = "finrisk", "only-the-two-of-them-know"
KEY_ID = "one"
PEOPLE: dict[str, dict[str, Any]] = {
    "ana": {"sub": "7f3a", "email": "ana@lender.example", "email_verified": True},
    "ben": {"sub": "0b1c", "email": "ben@lender.example", "email_verified": True},
    "carl": {"sub": "9d2e", "email": "ana@lender.example", "email_verified": False},
    "dora": {"sub": "5a5a", "groups": ["staff", "model-risk"]},
}
FORGED = ("unsigned", "another key", "signed by secret", "other audience", "other issuer", "ended")
"""Tokens that say ana, and must be refused; ``replayed`` below has ana's of another login."""


@dataclass
class Provider:
    """What a provider knows: its address, its key, and the logins that wait for their token."""

    url: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": KEY_ID}))
    waiting: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def discovery(self) -> str:
        return f"{self.url}/.well-known/openid-configuration"

    def id_token(self, person: str, nonce: str) -> str:
        """Sign who somebody is; for a forged person, in a way that is none."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **PEOPLE.get(person, PEOPLE["ana"]),
        }
        header, key, algorithm = {"alg": "RS256", "kid": KEY_ID}, self.key, "RS256"
        if person == "other audience":
            claims["aud"] = "another-client"
        elif person == "other issuer":
            claims["iss"] = "https://evil.example"
        elif person == "ended":
            claims |= {"iat": now - 900, "exp": now - 600}
        elif person == "replayed":
            claims["nonce"] = "of-another-login"
        elif person == "another key":
            key = RSAKey.generate_key(2048, {"kid": KEY_ID})
        elif person == "signed by secret":
            header, algorithm = {"alg": "HS256", "kid": KEY_ID}, "HS256"
            return jwt.encode(header, claims, OctKey.import_key(SECRET), algorithms=[algorithm])
        elif person == "unsigned":
            return _unsigned(claims)
        return jwt.encode(header, claims, key, algorithms=[algorithm])


def _unsigned(claims: dict[str, Any]) -> str:
    import json

    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def app_of(provider: Provider) -> FastAPI:
    """Build the provider's four answers, and the page on which people say who they are."""
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    def discovery() -> dict[str, Any]:
        url = provider.url
        return {
            "issuer": url,
            "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": f"{url}/token",
            "jwks_uri": f"{url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    @app.get("/jwks")
    def jwks() -> dict[str, Any]:
        return {"keys": [provider.key.as_dict(private=False, kid=KEY_ID, use="sig", alg="RS256")]}

    @app.get("/authorize", response_class=HTMLResponse)
    def authorize(request: Request) -> str:
        asked = dict(request.query_params)
        links = [
            f'<a href="/as?{escape(urlencode({**asked, "person": person}))}">{person}</a>'
            for person in (*PEOPLE, *FORGED, "replayed")
        ]
        return f"<title>Who are you?</title>{'<br>'.join(links)}"

    @app.get("/as")
    def chosen(
        person: str,
        redirect_uri: str,
        state: str,
        nonce: str,
        client_id: str,
        code_challenge: str,
        code_challenge_method: Annotated[str, Query(pattern="^S256$")],
    ) -> RedirectResponse:
        if client_id != CLIENT:
            raise HTTPException(400)
        code = secrets.token_urlsafe(16)
        provider.waiting[code] = {
            "person": person,
            "nonce": nonce,
            "challenge": code_challenge,
            "to": redirect_uri,
        }
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, 'state': state})}", 302)

    @app.post("/token")
    def token(
        request: Request,
        code: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
    ) -> dict[str, Any]:
        asked = provider.waiting.pop(code, None)
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        challenge = hashlib.sha256(code_verifier.encode()).digest()
        if (
            asked is None
            or base64.b64decode(given).decode() != f"{CLIENT}:{SECRET}"
            or asked["to"] != redirect_uri
            or asked["challenge"] != base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        ):
            raise HTTPException(400)
        return {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": provider.id_token(asked["person"], asked["nonce"]),
        }

    return app


@contextmanager
def identity_provider() -> Iterator[Provider]:
    """Serve it on a free port of this machine for the length of the block."""
    port = free_port()
    provider = Provider(f"http://127.0.0.1:{port}")
    server = uvicorn.Server(uvicorn.Config(app_of(provider), port=port, log_level="warning"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        until(lambda: httpx.get(provider.discovery).is_success, "the identity provider")
        yield provider
    finally:
        server.should_exit = True
        thread.join()

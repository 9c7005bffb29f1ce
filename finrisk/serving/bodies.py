"""Bodies of requests: read up to a bound, within a time, and only if they are plain JSON."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from finrisk.serving.problems import Refused

MOST_BYTES = 1024 * 1024
MOST_SECONDS = 10.0


async def read_body(
    request: Request, *, most_bytes: int = MOST_BYTES, most_seconds: float = MOST_SECONDS
) -> bytes:
    """Return a request's body; what is too large is refused before it is read, let alone parsed.

    Raises
    ------
    Refused
        413 too large, 415 no plain JSON, 408 too slow, 400 broken off.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _no_json("send it as 'Content-Type: application/json'")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _no_json("send it uncompressed")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > most_bytes:
        raise _too_large(most_bytes)
    try:
        async with asyncio.timeout(most_seconds):
            return await _up_to(request, most_bytes)
    except TimeoutError:
        raise Refused(
            408, "too-slow", "the body did not come in time", headers={"Connection": "close"}
        ) from None


async def _up_to(request: Request, most_bytes: int) -> bytes:
    """Read chunks until they are too many: a chunked body says no length before."""
    parts, size = [], 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "broken-off", "the body broke off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most_bytes:
            raise _too_large(most_bytes)
        if not message.get("more_body", False):
            return b"".join(parts)


def _no_json(remedy: str) -> Refused:
    return Refused(415, "no-json", "the body is no plain JSON", remedy=remedy)


def _too_large(most_bytes: int) -> Refused:
    return Refused(
        413,
        "too-large",
        f"the body is larger than {most_bytes} bytes",
        remedy="send fewer rows at once",
        headers={"Connection": "close"},
    )

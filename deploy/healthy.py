"""``python -m deploy.healthy URL [COMPONENT]``: the health check of a container without curl.

Exit status 0 if the address answers 200 and, where a component is named, the answer's JSON says
that it is healthy: components of Airflow without a server of their own report to the api-server.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from http import HTTPStatus
from urllib.error import URLError
from urllib.request import urlopen

SECONDS = 8.0


def complaint(url: str, component: str = "") -> str:
    """Return what is wrong; empty if nothing is."""
    try:
        with urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - docker-compose.yaml names it
            status, body = answer.status, answer.read()
    except (URLError, OSError) as exc:
        return f"{url}: {exc}"
    if status != HTTPStatus.OK:
        return f"{url}: {status}"
    if not component:
        return ""
    said = (json.loads(body).get(component) or {}).get("status")
    return "" if said == "healthy" else f"{component} is {said}"


def main(arguments: Sequence[str]) -> int:
    """Check, say what is wrong, and return the exit status."""
    wrong = complaint(*arguments)
    if wrong:
        sys.stderr.write(f"{wrong}\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How Streamlit is started: on this machine only, telling nobody, without its own debugging."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from finrisk.config import Settings
from finrisk.pictures.palette import BLUE, SKY_BLUE

HOST, PORT = "127.0.0.1", 8502
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - not where we listen unless asked
SCRIPT = Path(__file__).with_name("__main__.py")
SECRETS = Path(".streamlit") / "secrets.toml"

OPTIONS: Mapping[str, str] = {
    "server.headless": "true",  # opens no browser by itself
    "server.fileWatcherType": "none",  # the code does not change under it
    "server.enableAgentApi": "false",  # people look, in a browser
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",  # an error nobody foresaw is in the log, not on the page
    # Streamlit's own red and grey are too faint to read for some: below 4.5 : 1.
    "theme.light.primaryColor": BLUE,
    "theme.light.textColor": "#111111",
    "theme.dark.primaryColor": SKY_BLUE,
}
"""``.streamlit/config.toml`` has the same, for ``streamlit run mlflow_dashboard.py``."""
NAMES_OF_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def command(
    settings: Settings, host: str = HOST, port: int = PORT, base_path: str = ""
) -> list[str]:
    """Return the command that serves the dashboard.

    Parameters
    ----------
    settings : Settings
        ``.streamlit/secrets.toml`` in its home says who logs people in, if anybody does; the host
        of its ``dashboard_url`` is the one name beside this machine's that browsers may ask for.
    host, port : str, int
        Where it listens; whoever reaches it reads everything but secrets.
    base_path : str
        Below which a proxy serves it, as ``finrisk``; empty: at the root.

    Examples
    --------
    >>> command(Settings(), port=9000)[1:4]
    ['-m', 'streamlit', 'run']
    """
    options = {
        "server.address": host,
        "server.port": str(port),
        "server.baseUrlPath": base_path.strip("/"),
        "secrets.files": str(settings.home / SECRETS),
        **OPTIONS,
    }
    flags = [f"--{name}={value}" for name, value in options.items() if value]
    known = dict.fromkeys((*NAMES_OF_THIS_MACHINE, host, urlsplit(settings.dashboard_url).hostname))
    # Another name that leads here may be another site's, whose scripts would read along.
    flags += [f"--server.allowedHosts={name}" for name in known if name and name != ANY_ADDRESS]
    return [sys.executable, "-m", "streamlit", "run", str(SCRIPT), *flags]

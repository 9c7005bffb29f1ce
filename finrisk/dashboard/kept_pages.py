"""Kept HTML pages inside a page of the dashboard: shut in, whoever wrote their file."""

from __future__ import annotations

from html import escape

CONTENT_POLICY = (
    '<!doctype html><meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
)
STYLE = "position:fixed;inset:0;width:100%;height:100%;border:0"


def shut_in(page: str, *, title: str) -> str:
    """Return a page within a frame in which nothing runs, loads or sends, or leads elsewhere.

    Parameters
    ----------
    page : str
        HTML.
    title : str
        What the frame holds, for who hears it read.

    Examples
    --------
    >>> shut_in('<p title="a">', title="report")[-48:]
    'uot;&gt;&lt;p title=&quot;a&quot;&gt;"></iframe>'
    """
    return (
        f'<iframe sandbox="" style="{STYLE}" title="{escape(title, quote=True)}" '
        f'srcdoc="{escape(CONTENT_POLICY + page, quote=True)}"></iframe>'
    )

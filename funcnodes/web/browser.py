"""Opening the page without putting the token into anybody's argument list.

The browser is handed the path of a private file that forwards to the sign-in link; other users of
the machine see the path in the list of processes, but cannot read the file.
"""

import html
import threading
import webbrowser
from pathlib import Path

from funcnodes.durable import write_private

KEPT_S = 30.0


def open_privately(link: str, folder: Path) -> None:
    """Open `link` in the user's browser; returns at once, whether or not there is a browser."""
    path = folder / "open.html"
    target = html.escape(link, quote=True)
    page = (
        '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={target}">'
        f'<title>funcnodes</title><a href="{target}">Open funcnodes</a>'
    )
    write_private(path, page.encode())
    threading.Thread(target=_open, args=(path,), daemon=True, name="browser").start()


def _open(path: Path) -> None:
    webbrowser.open(path.as_uri())
    threading.Event().wait(KEPT_S)
    path.unlink(missing_ok=True)

"""Where things are and how they are configured: environment first, then `.env`.

Reads `FUNCNODES_CONFIG_DIR`, `FUNCNODES_PORT`, `FUNCNODES_BIN_DAYS`, `FUNCNODES_RUNS_GB`
and `FUNCNODES_BEFORE_RUN`; creates private folders on demand. Nothing is read at import.
"""

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from funcnodes.errors import FuncnodesError

DEFAULT_PORT = 8000
BIN_DAYS = math.inf  # nothing is ever lost that nobody said may go
_SAID = ("sample", "project", "operator", "notes")
_WHERE = "FUNCNODES_CONFIG_DIR, or --dir, says where everything is kept."


@dataclass(frozen=True, slots=True)
class Settings:
    """One process's configuration.

    Attributes:
        config_dir: Root of everything kept on disk, absolute.
        port: TCP port of the web interface, 0 to 65535 (0 lets the system choose).
        bin_days: For how many days deleted runs lie in the bin; for ever unless said.
        runs_bytes: What runs may take on disk before the bin is emptied early; None for any.
        before_run: What has to be said before every run, of sample, project, operator and notes.
    """

    config_dir: Path
    port: int = DEFAULT_PORT
    bin_days: float = BIN_DAYS
    runs_bytes: int | None = None
    before_run: tuple[str, ...] = ()

    @classmethod
    def load(cls, *, config_dir: Path | None = None) -> "Settings":
        """Read the environment and, beneath it, `.env` of the working directory.

        Raises:
            FuncnodesError: `FUNCNODES_PORT` is no port number, `FUNCNODES_CONFIG_DIR` no folder,
                `FUNCNODES_BIN_DAYS` or `FUNCNODES_RUNS_GB` no number from 0 on,
                `FUNCNODES_BEFORE_RUN` has other words, or `.env` no text.
        """
        values = {**_dotenv(), **os.environ}
        given = config_dir or Path(values.get("FUNCNODES_CONFIG_DIR") or "~/.funcnodes")
        gigabytes = _amount(values, "FUNCNODES_RUNS_GB", None)
        return cls(
            _absolute(given),
            _port(values.get("FUNCNODES_PORT")),
            _amount(values, "FUNCNODES_BIN_DAYS", BIN_DAYS) or 0.0,
            None if gigabytes is None else int(gigabytes * 1e9),
            _words(values, "FUNCNODES_BEFORE_RUN", _SAID),
        )

    @property
    def workers_dir(self) -> Path:
        """Raises FuncnodesError where it cannot be made."""
        return _kept(self.config_dir / "workers")

    @property
    def run_dir(self) -> Path:
        """Files that describe running processes: `manager.json`, sockets, locks.

        Raises FuncnodesError where it cannot be made.
        """
        return _kept(self.config_dir / "run")


def private_dir(path: Path) -> Path:
    """Create `path` and its parents for the owner only (0700), whatever the umask."""
    if not path.is_dir():
        private_dir(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
    return path


def _kept(path: Path) -> Path:
    try:
        return private_dir(path)
    except OSError as error:
        raise FuncnodesError(
            f"{error.filename or path} cannot be made a folder: {error.strerror}.",
            hint=_WHERE,
        ) from error


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise FuncnodesError(
            f"There is no user whose home {str(path)!r} could be in.", hint=_WHERE
        ) from error
    except FileNotFoundError as error:
        raise FuncnodesError("The folder that this runs in is gone.") from error


def _dotenv() -> dict[str, str]:
    file = Path(".env")
    if not file.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {key: value for key, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise FuncnodesError(f"{file.absolute()} cannot be read: {why}.") from error


def _amount(values: Mapping[str, str], name: str, usual: float | None) -> float | None:
    text = values.get(name)
    if not text:
        return usual
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise FuncnodesError(f"{name} is {text!r}, not a number from 0 on.")
    return number


def _words(values: Mapping[str, str], name: str, known: Collection[str]) -> tuple[str, ...]:
    found = tuple(filter(None, (each.strip() for each in (values.get(name) or "").split(","))))
    for each in found:
        if each not in known:
            raise FuncnodesError(f"{name} has {each!r}; it may have {', '.join(known)}.")
    return found


def _port(text: str | None) -> int:
    if not text:
        return DEFAULT_PORT
    if not text.isdecimal() or int(text) > 65535:
        raise FuncnodesError(f"FUNCNODES_PORT is {text!r}, not a port number from 0 to 65535.")
    return int(text)

"""The Python that a worker runs in: one that is there already, or an environment of its own.

An environment of its own lies in the worker's folder and sees, beneath what is installed in it,
all that the Python has in which it was made: funcnodes is the same in both. What was asked for is
recorded beside it, in `requirements.txt`. Made by uv where that is installed, else by venv; filled
by uv or pip, which find packages as they are set up to.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcnodes.durable import write_private
from funcnodes.errors import RefusedError, WorkerError
from funcnodes.workers.workspace import Workspace

CHECK_S = 20.0
MAKE_S = 300.0
INSTALL_S = 1800.0
OLDEST = (3, 11)
LINK = "_funcnodes.pth"

_CHECK = """
import importlib.util, json, sys
found = importlib.util.find_spec("funcnodes")
print(json.dumps([list(sys.version_info[:2]), found is not None]))
"""
_PLACES = """
import json, os, site, sys
places = site.getsitepackages() + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
print(json.dumps([place for place in places if os.path.isdir(place)]))
"""
_LIST = """
import json, os, sys
from importlib.metadata import distributions, entry_points
contributed = {}
for group, what in (("funcnodes.module", "nodes"), ("funcnodes.drivers", "drivers")):
    for entry in entry_points(group=group):
        if entry.dist is not None:
            contributed.setdefault(entry.dist.name, []).append(f"{what}: {entry.name}")
found = {}
for each in distributions():
    name = each.metadata["Name"]
    if name and name not in found:
        origin = json.loads(each.read_text("direct_url.json") or "{}").get("url", "")
        where = os.path.realpath(str(each.locate_file("")))
        own = where.startswith(os.path.realpath(sys.prefix) + os.sep)
        found[name] = {"name": name, "version": each.version, "own": own, "origin": origin,
                       "contributes": sorted(contributed.get(name, []))}
print(json.dumps(sorted(found.values(), key=lambda each: each["name"].lower())))
"""
_SEPARATORS = re.compile(r"[-_.]+")
_REQUIRED_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass(frozen=True, slots=True)
class Module:
    """A distribution that a worker can import.

    Attributes:
        own: Whether it is in the worker's own environment.
        origin: Where it came from, if not from a registry.
        contributes: What it brings to funcnodes: `nodes: NAME`, `drivers: NAME`.
    """

    name: str
    version: str
    own: bool
    origin: str
    contributes: tuple[str, ...]


# ── interpreters ──────────────────────────────────────────────────────────────────────────


def resolved(python: str) -> str:
    """The absolute path of an interpreter that can run a worker, links left as they are.

    Raises:
        RefusedError: It is none.
    """
    found = shutil.which(python)
    if found is None:
        raise RefusedError(
            f"{python!r} is no program that can be run.", hint="--python takes an interpreter."
        )
    path = str(Path(found).absolute())
    check(path)
    return path


def check(python: str, *, name: str = "") -> None:
    """See whether an interpreter can run a worker.

    Args:
        name: Of the worker, for the message.

    Raises:
        RefusedError: It is gone, is no Python that is new enough, or has no funcnodes.
    """
    whose = f"The Python of worker {name!r}, {python}," if name else f"{python}"
    if not Path(python).exists():
        raise RefusedError(
            f"{whose} is gone.",
            hint="Put it back, or make the worker anew by 'funcnodes worker new'.",
        )
    if python == sys.executable:
        return
    try:
        version, has_funcnodes = json.loads(_run([python, "-c", _CHECK], CHECK_S))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise RefusedError(f"{whose} cannot be run: {_reason(error)}.") from error
    if tuple(version) < OLDEST:
        has, needs = (".".join(map(str, each)) for each in (version, OLDEST))
        raise RefusedError(f"{whose} is Python {has}; funcnodes needs {needs} or newer.")
    if not has_funcnodes:
        raise RefusedError(
            f"{whose} has no funcnodes.",
            hint="Install it there, or make the worker anew by 'funcnodes worker new'.",
        )


# ── an environment of its own ─────────────────────────────────────────────────────────────


def make(workspace: Workspace) -> str:
    """Make an environment of its own for a worker. Returns the path of its interpreter.

    Raises:
        WorkerError: It cannot be made.
    """
    folder, uv = workspace.venv_dir, shutil.which("uv")
    command = (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
        if uv
        else [sys.executable, "-m", "venv", str(folder)]
    )
    try:
        _run(command, MAKE_S)
        python = str(folder / "bin" / "python")
        _link(python)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise WorkerError(
            f"No environment could be made in {folder}: {_reason(error)}.",
            hint="Some systems have venv in a package of its own, such as python3-venv.",
        ) from error
    return python


def _link(python: str) -> None:
    """Have the environment see what this Python sees, beneath what is its own."""
    here: list[str] = json.loads(_run([sys.executable, "-c", _PLACES], CHECK_S))
    (there,) = json.loads(_run([python, "-c", _PLACES], CHECK_S))[:1]
    lines = [f"import site; site.addsitedir({place!r})\n" for place in here]
    (Path(there) / LINK).write_text("".join(lines), encoding="utf-8")


def modules(workspace: Workspace) -> list[Module]:
    """What a worker can import, by name.

    Raises:
        RefusedError: Its Python is gone.
        WorkerError: It cannot tell.
    """
    check(workspace.record.python, name=workspace.record.name)
    try:
        found: list[dict[str, Any]] = json.loads(
            _run([workspace.record.python, "-c", _LIST], CHECK_S)
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise WorkerError(
            f"{workspace.record.python} does not say what it has: {_reason(error)}."
        ) from error
    own = workspace.has_own_python
    return [
        Module(m["name"], m["version"], own and m["own"], m["origin"], tuple(m["contributes"]))
        for m in found
    ]


def add(workspace: Workspace, requirements: Sequence[str]) -> list[str]:
    """Install into a worker's own environment, and record what was asked for.

    Args:
        requirements: As pip takes them: `numpy>=2`, a folder, a wheel.

    Returns:
        What is recorded now.

    Raises:
        RefusedError: The worker has no environment of its own.
        WorkerError: Nothing was installed; the message has the reason.
    """
    _require_own(workspace)
    wanted = [_with_place(each) for each in requirements]
    _install(workspace, ["install", *wanted])
    new = [_recordable(workspace, each) for each in wanted]
    names = {_name_of(each) for each in new}
    kept = [each for each in workspace.requirements() if _name_of(each) not in names]
    return _record(workspace, [*kept, *new])


def remove(workspace: Workspace, names: Sequence[str]) -> list[str]:
    """Take distributions out of a worker's own environment. Returns what is recorded now.

    Raises:
        RefusedError: The worker has no environment of its own, or one of these is not in it.
        WorkerError: They cannot be removed.
    """
    _require_own(workspace)
    own = {_plain(each.name) for each in modules(workspace) if each.own}
    for name in names:
        if _plain(name) not in own:
            raise RefusedError(
                f"{name!r} is not in the environment of worker {workspace.record.name!r}.",
                hint="'funcnodes worker modules list' shows what is.",
            )
    _install(workspace, ["uninstall", *names])
    gone = {_plain(name) for name in names}
    return _record(workspace, [r for r in workspace.requirements() if _name_of(r) not in gone])


def _require_own(workspace: Workspace) -> None:
    record = workspace.record
    if not workspace.has_own_python:
        raise RefusedError(
            f"Worker {record.name!r} runs in {record.python}, which is not its own.",
            hint=f"Use '{record.python} -m pip', or make a worker by 'worker new --venv'.",
        )
    check(record.python, name=record.name)


def _install(workspace: Workspace, arguments: list[str]) -> None:
    python, uv = workspace.record.python, shutil.which("uv")
    what, rest = arguments[0], arguments[1:]
    if uv:
        command = [uv, "pip", what, "--quiet", "--python", python, *rest]
    else:
        sure = ["--yes"] if what == "uninstall" else []
        quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
        command = [python, "-m", "pip", what, *quiet, *sure, *rest]
    try:
        _run(command, INSTALL_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise WorkerError(
            f"{' '.join(rest)} could not be {what}ed in {workspace.venv_dir}: {_reason(error)}.",
            hint="The environment is as it was.",
        ) from error


def _with_place(requirement: str) -> str:
    """A path made absolute; it must mean the same tomorrow."""
    path = Path(requirement).expanduser()
    if ("/" in requirement or path.suffix in (".whl", ".gz", ".zip")) and "://" not in requirement:
        if not path.exists():
            raise RefusedError(f"There is no {requirement!r} to install.")
        return str(path.absolute())
    if not _REQUIRED_NAME.match(requirement):
        raise RefusedError(
            f"{requirement!r} is nothing that could be installed.", hint="Give a name or a path."
        )
    return requirement


def _recordable(workspace: Workspace, requirement: str) -> str:
    """As it goes into `requirements.txt`; a path with the name of what is in it."""
    if not Path(requirement).is_absolute():
        return requirement
    url = Path(requirement).as_uri()
    found = (each.name for each in modules(workspace) if each.own and each.origin == url)
    name = next(found, "")
    return f"{name} @ {url}" if name else requirement


def _record(workspace: Workspace, requirements: list[str]) -> list[str]:
    try:
        write_private(workspace.requirements_path, "".join(f"{r}\n" for r in requirements).encode())
    except OSError as error:
        raise WorkerError(
            f"{workspace.requirements_path} cannot be written: {error.strerror}."
        ) from error
    return requirements


def _name_of(requirement: str) -> str:
    found = _REQUIRED_NAME.match(requirement)
    return _plain(found.group(1)) if found else requirement


def _plain(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()


def _run(command: list[str], within_s: float) -> str:
    """What a command prints.

    Raises:
        OSError: It cannot be started.
        subprocess.SubprocessError: It failed, or took too long.
    """
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=within_s, check=True,
        stdin=subprocess.DEVNULL, errors="replace",
    )  # fmt: skip
    return done.stdout


def _reason(error: Exception) -> str:
    """The last thing that was said, as the end of a sentence."""
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line.strip() for line in f"{error.stdout}\n{error.stderr}".splitlines()]
        said = [line for line in lines if line and not line.startswith("[notice]")]
        failed = [line for line in said if line.upper().startswith("ERROR")] or said
        text = failed[0] if failed else f"it ended with code {error.returncode}"
        return text.removeprefix("ERROR: ").rstrip(".")
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took over {error.timeout:g} s"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it gave no answer"

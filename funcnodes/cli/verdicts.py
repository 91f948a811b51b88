"""What commands do with the verdict of a run."""

from pathlib import Path
from typing import TYPE_CHECKING

from funcnodes.durable import replace_file
from funcnodes.errors import FuncnodesError, RunError

if TYPE_CHECKING:
    from funcnodes.runs import RunHead
    from funcnodes.runs.local import LocalResult
    from funcnodes.runs.verdicts import Result


def found_by(result: "LocalResult") -> "Result":
    """What a run found, also where its file cannot be read."""
    from funcnodes.runs import RunReader
    from funcnodes.runs.verdicts import judged, tree

    try:
        steps = tree(RunReader(result.path).events())
    except RunError:
        steps = []
    return judged(steps, result.head.state, result.head.message)


def make_way(path: Path) -> None:
    """Take away the verdicts of an earlier run, so that nobody takes them for this one's.

    Raises:
        FuncnodesError: There will be no writing to `path`.
    """
    try:
        path.unlink(missing_ok=True)
        path.touch()
        path.unlink()
    except OSError as error:
        raise FuncnodesError(f"{path} cannot be written: {error.strerror}.") from error


def write_junit(path: Path, head: "RunHead", result: "Result") -> None:
    """Write the verdicts as JUnit XML, the whole file or none of it.

    Raises:
        FuncnodesError: It cannot be written.
    """
    from funcnodes.runs.junit import junit_xml

    try:
        replace_file(path, junit_xml(head, result))
    except OSError as error:
        raise FuncnodesError(f"{path} cannot be written: {error.strerror}.") from error

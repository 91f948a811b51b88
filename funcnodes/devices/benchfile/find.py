"""Where the bench of a name is: beside a file, in a worker, or among the built-in ones (D6)."""

import contextlib
import importlib.resources
from collections.abc import Iterator
from pathlib import Path

from funcnodes.devices.benchfile.file import BenchFile
from funcnodes.errors import BenchError


def find_bench(name: str, *, beside: Path | None = None, worker_dir: Path | None = None) -> Path:
    """Where the bench of that name is (D6).

    Looked for beside the file that asks for it ("NAME.toml", "NAME/bench.toml", or a
    "bench.toml" that gives itself this name), then as the worker's own `bench.toml`, then among
    the benches that come with funcnodes.

    Args:
        name: As in `requires.bench`.
        beside: The file that asks, or its folder.
        worker_dir: The worker's folder.

    Raises:
        BenchError: There is none.
    """
    if not name or Path(name).name != name or name in {".", ".."}:
        raise BenchError(f"{name!r} is no name of a bench.")
    for path in _candidates(name, beside, worker_dir):
        if path.is_file() and (path.stem == name or _calls_itself(path, name)):
            return path
    raise BenchError(
        f"There is no bench {name!r}, neither beside the file, nor in the worker, nor among the "
        f"built-in ones ({', '.join(builtin_benches())}).",
        bench=name,
    )


def builtin_benches() -> list[str]:
    """Names of the benches that come with funcnodes."""
    return sorted(path.stem for path in _builtin_dir().glob("*.toml"))


def _candidates(name: str, beside: Path | None, worker_dir: Path | None) -> Iterator[Path]:
    if beside is not None:
        folder = beside if beside.is_dir() else beside.parent
        yield folder / f"{name}.toml"
        yield folder / "bench.toml"
    if worker_dir is not None:
        yield worker_dir / "bench.toml"
    yield _builtin_dir() / f"{name}.toml"


def _calls_itself(path: Path, name: str) -> bool:
    with contextlib.suppress(BenchError):
        return BenchFile.load(path).config.name == name
    return False


def _builtin_dir() -> Path:
    return Path(str(importlib.resources.files("funcnodes.devices") / "benches"))

"""`funcnodes script`: a nodespace file as a script that gives the same rows.

Guarantees that what a graph does is in the script, or that it is refused with a sentence for each
node that has no words yet; what neither acts nor is recorded is left out, and named at the top.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcnodes.basic_nodes.files import Files
from funcnodes.core import NodeSpace, SubgraphNode
from funcnodes.core.subgraphs.regroup import dissolve
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchFile
from funcnodes.devices.benchfile.find import builtin_benches
from funcnodes.durable import replacing
from funcnodes.errors import GraphError, RunError
from funcnodes.runs.assignments import Assignment
from funcnodes.runs.local import bench_of, library, local_folder, read_nodespace
from funcnodes.scripting.writing.body import Body
from funcnodes.scripting.writing.lines import WIDTH, ScriptLines
from funcnodes.scripting.writing.refusals import CannotWriteError
from funcnodes.scripting.writing.scopes import Scopes
from funcnodes.scripting.writing.words import quoted
from funcnodes.settings import Settings

OWNER = "script"


async def write_script(
    settings: Settings,
    path: Path,
    *,
    bench: Path | None = None,
    out: Path | None = None,
    sets: "tuple[Assignment, ...]" = (),
) -> str:
    """The script of a nodespace file, with the values of `sets`; written to `out` too.

    Args:
        bench: Bench file in place of the one that the nodespace names.

    Raises:
        CannotWriteError: It does what cannot be written yet; `context["problems"]` has a
            sentence for each node.
        FuncnodesError: The file cannot be read, or its bench is nowhere.
    """
    data, folder = read_nodespace(path), local_folder(settings)
    where = bench_of(data, path, bench, folder)
    async with AsyncExitStack() as stack:
        space = NodeSpace(library(), arming="disarmed")
        stack.push_async_callback(space.aclose)
        space.services.provide(Files, Files(folder / "files"))
        if where is not None:
            opened = Bench(BenchFile.load(where).usable, path=where, owner=OWNER)
            stack.push_async_callback(opened.close)
            space.services.provide(Bench, opened)
        space.deserialize(data)
        for assignment in sets:
            assignment.apply(space)
        _take_apart(space)
        text = _Script(space, path, where, out, data).text()
    if out is not None:
        _save(text, out)
    return text


@dataclass(frozen=True, slots=True)
class _Script:
    """What goes into the file."""

    space: NodeSpace
    path: Path
    bench: Path | None
    out: Path | None
    data: dict[str, Any]

    def text(self) -> str:
        scopes = Scopes(self.space)
        if not scopes.plan.entries:
            raise CannotWriteError(
                f"{self.path} has no scan and no other frame: a run of it would do nothing."
            )
        body = Body(scopes)
        body.write()
        if body.problems:
            found = list(dict.fromkeys(body.problems))
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise CannotWriteError(found[0] + more, problems=found)
        parts = [self._head(scopes), self._imports(body), self._functions(body)]
        parts += [self._measure(body), self._start(body)]
        return "\n\n\n".join("\n".join(part) for part in parts if part) + "\n"

    def _head(self, scopes: Scopes) -> list[str]:
        title = self.space.title or self.path.stem
        about = str(self.data.get("prop", {}).get("description", "") or "")
        lines = [f'"""{_plain(title)}.', ""]
        lines += [*_wrapped(about), ""] if about else []
        lines += _wrapped(
            f"Written by `funcnodes script {self.path.name}`: gives the same rows as "
            f"`funcnodes run {self.path.name}`."
        )
        idle = [node for node in scopes.plan.nodes if node not in scopes.needed]
        if idle:
            names = ", ".join(sorted({node.name for node in idle}))
            lines += ["", *_wrapped(f"Left out, since the rows do not need it: {names}.")]
        return [*lines, '"""']

    def _imports(self, body: Body) -> list[str]:
        wanted = ["asyncio", *(["itertools"] if body.counters else [])]
        wanted += ["sys"] if body.asks else []
        lines = [f"import {name}" for name in wanted]
        if self._beside:
            lines.append("from pathlib import Path")
        own = [*(["function"] if body.functions else []), *(["marked"] if body.marks else [])]
        lines += ["", "from funcnodes import open_bench"]
        if own:
            lines.append(f"from funcnodes.scripting import {', '.join(own)}")
        return lines

    def _functions(self, body: Body) -> list[str]:
        return [f"{name} = function({quoted(i)})" for i, name in sorted(body.functions.items())]

    def _measure(self, body: Body) -> list[str]:
        title = self.space.title or self.path.stem
        head = ScriptLines()
        said = ", answers=answers" if body.asks else ""
        with head.block(f"async def measure({'answers=None' if body.asks else ''}):"):
            opened = f"open_bench({self._bench()}) as bench"
            running = f"bench.run({quoted(_plain(title))}{said}) as run"
            line = f"async with {opened}, {running}:"
            if len(line) + 4 > WIDTH:
                head.add("async with (")
                head.add(f"    {opened},")
                head.add(f"    {running},")
                head.add("):")
            else:
                head.add(line)
            statements = [*body.top.text, *body.lines.text] or ["        pass"]
            return [*head.text, *statements, "    return run"]

    def _start(self, body: Body) -> list[str]:
        given = 'dict(each.split("=", 1) for each in sys.argv[1:])' if body.asks else ""
        note = ["    # Answers may be given in advance: NAME=VALUE"] if body.asks else []
        return ['if __name__ == "__main__":', *note, f"    print(asyncio.run(measure({given})))"]

    @property
    def _beside(self) -> bool:
        """Whether the bench file lies beside the script."""
        if self.bench is None or self.out is None:
            return False
        return self.bench.resolve().parent == self.out.resolve().parent

    def _bench(self) -> str:
        if self.bench is None:
            return "None"
        if self._beside:
            return f"Path(__file__).with_name({quoted(self.bench.name)})"
        named = self.data.get("requires", {}).get("bench")
        if named in builtin_benches() and self.bench.stem == named:
            return quoted(str(named))
        return quoted(str(self.bench.resolve()))


def _take_apart(space: NodeSpace) -> None:
    """Put what is inside subgraphs in their places; one that cannot be taken apart stays."""
    kept: set[SubgraphNode] = set()
    while found := [n for n in space.nodes if isinstance(n, SubgraphNode) and n not in kept]:
        try:
            dissolve(space, found[0])
        except GraphError:
            kept.add(found[0])


def _save(text: str, out: Path) -> None:
    try:
        with replacing(out) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror}.") from error


def _plain(text: str) -> str:
    return " ".join(text.replace("\\", "/").replace('"""', "'").split()).rstrip(".")


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(" ".join(text.replace("\\", "/").replace('"""', "'").split()), WIDTH)

"""A run in plain Python: points from the run, rows into the run, and a safe end whatever happens.

Its file, its verbs and its end are `runs.scripted`; here is what a script says of points, rows and
nodes. Columns are those of the first row, or said beforehand.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from funcnodes.basic_nodes.files import Files
from funcnodes.core import Frame, Node, units
from funcnodes.devices.bench import Bench
from funcnodes.errors import RunError
from funcnodes.runs import RunStore
from funcnodes.runs.assignments import Assigned, same_name
from funcnodes.runs.people import AskingNode, give_answers
from funcnodes.runs.prompts import Prompts
from funcnodes.runs.scans.searches import Goal
from funcnodes.runs.scripted import ScriptedRun, whole
from funcnodes.runs.sequences.step import OnFail
from funcnodes.runs.table import Table
from funcnodes.runs.terminal import Terminal, is_there
from funcnodes.scripting.frames import ScriptBody, ScriptFrame, ScriptPoint
from funcnodes.scripting.from_file import FromFile
from funcnodes.scripting.nodes import ScriptNode, ScriptSpace
from funcnodes.scripting.points import Number, Points
from funcnodes.scripting.shown import run_html
from funcnodes.scripting.tables import ScriptTable

RECORDER = "script"


class ScriptRun(ScriptedRun, Points, FromFile):
    """One run of a script; `async with bench.run("I-V") as run`.

    Attributes:
        bodies: Where the script is within frames, the innermost last.
    """

    def __init__(
        self,
        bench: Bench,
        store: RunStore,
        name: str,
        *,
        operator: str = "",
        answers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(bench, store, name, operator=operator)
        self.bodies: list[ScriptBody] = []
        self._answers = dict(answers or {})
        self._scope: ScriptSpace | None = None
        self._rows = ScriptTable(RECORDER, name, self.begin_table)

    def __repr__(self) -> str:
        if self._writer is None:
            return f"<run {self.name!r}, not begun>"
        return f"<run {self.number} {self.name!r}: {self._state}, {self.rows} rows>"

    def _repr_html_(self) -> str:
        return run_html(self)

    @property
    def table(self) -> Table | None:
        """Its rows, once there is one."""
        return self._rows.table

    @property
    def devices_used(self) -> list[str]:
        """The devices of its bench: a script may speak to any of them."""
        return list(self._bench.devices)

    # ── points that are chosen, tried again, or judged ────────────────────────────────────

    def frame(
        self, node_id: str, name: str = "", saved: Mapping[str, Any] | None = None, /, **inputs: Any
    ) -> ScriptFrame:
        """The points of any frame that a graph can have, by its node id; see `node`."""
        scope = self._scope_of_nodes()
        frame = scope.add(node_id, name, inputs, saved)
        if not isinstance(frame, Frame):
            raise RunError(f"{node_id} makes no points: use run.node({node_id!r}).")
        return ScriptFrame(self, scope, frame)

    def adaptive(
        self, low: Number, high: Number, *, points: int = 100, loss: float = 0.0
    ) -> ScriptFrame:
        """Points where the curve is known least: `tell` what each gave. Needs `adaptive`."""
        return self.frame("scan.adaptive", **_range("x", low, high), points=points, loss=loss)

    def optimum(
        self,
        low: Number,
        high: Number,
        *,
        goal: Goal = "minimum",
        target: float = 0.0,
        tolerance: float = 0.001,
        points: int = 200,
    ) -> ScriptFrame:
        """Points that close in on the least, greatest or wanted result: `tell` what each gave.

        Afterwards `["best_x"]`, `["best"]` and `["found"]` say what was found.
        """
        return self.frame(
            "scan.optimum", **_range("x", low, high),
            goal=goal, target=target, tolerance=tolerance, points=points,
        )  # fmt: skip

    def step(
        self, name: str, *, retries: int = 0, on_fail: OnFail = "go on", run_if: bool = True
    ) -> ScriptFrame:
        """The attempts at a step of a test, until it passes; `["verdict"]` says how it ended.

        What its checks find, and what fails in `async with run.point()`, is its verdict.
        """
        return self.frame("step", name, retries=retries, on_fail=on_fail, run_if=run_if)

    def devices(self, serials: Sequence[str], name: str = "") -> ScriptFrame:
        """The devices under test, one after the other, by their serial numbers."""
        return self.frame("for_each_device_under_test", name, serials=list(serials))

    def point(self, table: ScriptTable | None = None) -> ScriptPoint:
        """A point of the frame around it, for `async with`; what fails in it is that frame's.

        What is put in the row that it gives is recorded, in `table` or else in the run's.
        """
        return ScriptPoint(self, self.record if table is None else table.record)

    def node(
        self, node_id: str, name: str = "", saved: Mapping[str, Any] | None = None, /, **inputs: Any
    ) -> ScriptNode:
        """Any node by its id, to be called: `mean = run.node("average", source="smu.i")`.

        Args:
            name: What it is called, in the log and by those it asks.
            saved: What a saved graph holds of it beside its inputs.
            inputs: What its inputs are set to, for all calls.
        """
        scope = self._scope_of_nodes()
        node = scope.add(node_id, name, inputs, saved)
        self._answer(scope, node)
        return ScriptNode(scope, node)

    def _answer(self, scope: ScriptSpace, node: Node) -> None:
        """Give what was answered in advance to what it will ask."""
        prompts = scope.space.services.get(Prompts)
        name = next((each for each in self._answers if same_name(each, node.name)), None)
        if isinstance(node, AskingNode) and prompts is not None and name is not None:
            given = [Assigned(node.uuid, self._answers[name])]
            for line in give_answers(scope.space, prompts, given, by=self._operator):
                self.log(line)

    def _scope_of_nodes(self) -> ScriptSpace:
        self.check()
        if self._scope is None:
            self._file  # noqa: B018  # says that it has not begun
            self._scope = ScriptSpace(self, self._lent())
        return self._scope

    def _lent(self) -> dict[type, Any]:
        """What its nodes can use: the bench, files, and whoever answers."""
        files = Files(self.store.folder.parent / "files")
        lent: dict[type, Any] = {Bench: self._bench, Files: files}
        if self._answers:
            prompts = Prompts(asks=is_there())
            self._around.callback(Terminal(prompts, by=self._operator).close)
            lent[Prompts] = prompts
        return lent

    # ── rows ──────────────────────────────────────────────────────────────────────────────

    def record(self, cells: Mapping[str, Any] | None = None, /, **named: Any) -> int:
        """Add a row. Numbers keep unit and quality; what a row leaves out is missing.

        Returns:
            Its index, from 0.

        Raises:
            RunError: It has a column that the first row had not, or nothing at all.
            UnitError: A number's unit cannot be turned into that of its column.
            RefusedError, StorageError: It was stopped by E-STOP, or cannot be written.
        """
        self.check()
        index = self._rows.record(cells, **named)
        self.tell_shown()
        return index

    def recorder(
        self, name: str, said: Mapping[str, Any] | None = None, /, **columns: Any
    ) -> ScriptTable:
        """Rows of their own beside those of the run, with columns that are said beforehand.

        Args:
            columns: By name the unit of each, "" for plain numbers, or `str`, `bool`, `list`.
        """
        self.check()
        return ScriptTable(name, name, self.begin_table, {**(said or {}), **columns})

    # ── its course ────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        await self.open()
        text = script_text()
        if text is not None:
            self.note("script", **text)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        scope, self._scope = self._scope, None
        if scope is not None:
            await whole(scope.aclose())
        await self.end(error)
        self.tell_shown(final=True)


def script_text() -> dict[str, str] | None:
    """What is being run, where there is a file of it."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    if path is None or Path(path).suffix != ".py":
        return None
    try:
        return {"file": str(path), "text": Path(path).read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError):
        return None


def _range(axis: str, low: Number, high: Number) -> dict[str, Any]:
    """The inputs of a search that say where it may look; the unit is that of `low`."""
    unit = units.split(low)[1] if isinstance(low, str) else getattr(low, "unit", "")
    return {f"{axis}_unit": unit, f"{axis}_low": low, f"{axis}_high": high}

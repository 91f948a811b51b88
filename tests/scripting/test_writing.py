"""Graphs as scripts: the same rows, or a sentence that names what has no words yet."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.core import NodeSpace, clock
from funcnodes.devices.benchfile.find import find_bench
from funcnodes.runs.assignments import Assigned, Assignment
from funcnodes.runs.dryrun import dry_run
from funcnodes.runs.dryrun.bench import dry_bench
from funcnodes.runs.dryrun.running import _Store
from funcnodes.runs.local import library, read_nodespace, simulated_bench
from funcnodes.runs.people import AskingNode
from funcnodes.scripting import ScriptBench
from funcnodes.scripting.writing import CannotWriteError, write_script
from funcnodes.settings import Settings

from .graphs import GRAPHS, Graph

Rows = list[list[Any]]
EXAMPLES = sorted(
    {
        path.name: path
        for folder in (Path(funcnodes.__file__).parent / "examples", Path("examples").resolve())
        for path in folder.glob("*.json")
    }.values()
)
SHORTER = {
    "heater_step.json": ("repeat.count=4",),
    "diode_iv.json": ("sweep.points=5",),
    "overnight.json": ("repeat.count=20",),
    "rc_bode.json": ("sweep.points=11",),
    "resonance.json": ("sweep.points=30",),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "config")


def answers_to(path: Path) -> dict[str, str]:
    """Something for every question."""
    space = NodeSpace(library(), arming="disarmed")
    space.deserialize(read_nodespace(path))
    found: dict[str, str] = {}
    for node in space.walk():
        if isinstance(node, AskingNode):
            question = node.question()
            fits = {
                "choice": next(iter(question.choices), ""), "text": "a text", "confirm": "yes",
                "approve": "yes", "number": str(question.limits.low or question.limits.high or 0.1),
            }  # fmt: skip
            found[node.name] = question.default or fits[question.kind]
    return found


def rows_of_graph(settings: Settings, path: Path, sets: tuple[str, ...]) -> Rows:
    """What a run of the file records, on simulators in memory."""
    rows: Rows = []
    given = [Assigned(name, text) for name, text in answers_to(path).items()]
    report = dry_run(
        settings, path, sets=[Assignment.parse(each) for each in sets], answers=given,
        rows=lambda _, row: rows.append(row),
    )  # fmt: skip
    assert not report.refused, report.refused
    return rows


@contextmanager
def virtual(store: _Store) -> Iterator[None]:
    current = clock.VirtualClock(time.time())
    current.is_held = lambda: store.is_turning
    with clock.use(current):
        yield


def rows_of_script(text: str, folder: Path, bench: Path, answers: dict[str, str]) -> Rows:
    """What the script records, on the same simulators."""
    store = _Store(folder / "runs")

    @asynccontextmanager
    async def opened(*_: Any, **__: Any) -> Any:
        dry = dry_bench(bench, folder, own=simulated_bench(bench), named=None, seed=1)
        await dry.bench.open()
        try:
            yield ScriptBench(dry.bench, store)
        finally:
            await dry.bench.close()

    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(text, "written.py", "exec"), names)
    names["open_bench"] = opened
    with virtual(store):
        asyncio.run(names["measure"](*([answers] if answers else [])))
    reader = store.find("latest")
    assert reader.head.state == "complete", reader.head.message
    order = []
    for k, _ in enumerate(reader.specs):
        page = reader.rows(k=k)
        order += zip(page.mono, *[list(zip(*page.values, strict=True))], strict=True)
    return [list(row) for _, row in sorted(order, key=lambda each: each[0])]


def same(one: Rows, other: Rows) -> None:
    assert len(one) == len(other)
    for mine, its in zip(one, other, strict=True):
        assert [_near(cell) for cell in its] == mine


def _near(cell: Any) -> Any:
    is_number = isinstance(cell, float)
    return pytest.approx(cell, rel=1e-9, abs=1e-15, nan_ok=True) if is_number else cell


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_as_a_script_gives_the_same_rows(
    path: Path, settings: Settings, tmp_path: Path
) -> None:
    sets = SHORTER.get(path.name, ())
    assigned = tuple(Assignment.parse(each) for each in sets)
    text = asyncio.run(write_script(settings, path, sets=assigned))
    bench = find_bench(read_nodespace(path)["requires"]["bench"], beside=path)
    script = rows_of_script(text, tmp_path, bench, answers_to(path))
    same(script, rows_of_graph(settings, path, sets))
    assert script


@pytest.mark.parametrize("made", GRAPHS, ids=lambda made: made.__name__)
def test_what_graphs_can_hold_as_a_script_gives_the_same_rows(
    made: Callable[[Graph], None], settings: Settings, tmp_path: Path
) -> None:
    graph = Graph()
    made(graph)
    path = graph.save(tmp_path / f"{made.__name__}.json")
    text = asyncio.run(write_script(settings, path))
    script = rows_of_script(text, tmp_path, find_bench("demo"), answers_to(path))
    same(script, rows_of_graph(settings, path, ()))
    assert script


# ── what it reads like, and what it refuses ───────────────────────────────────────────────


def written(graph: Graph, settings: Settings, folder: Path) -> str:
    return asyncio.run(write_script(settings, graph.save(folder / "graph.json")))


def test_a_script_reads_as_a_person_would_write_it(settings: Settings) -> None:
    (path,) = (each for each in EXAMPLES if each.name == "diode_iv.json")
    text = asyncio.run(write_script(settings, path))
    body = text[text.index("async def measure") : text.index("\n\n\nif __name__")]
    assert body.splitlines() == [
        "async def measure():",
        '    async with open_bench("demo") as bench, '
        'bench.run("Measure a diode I-V curve") as run:',
        '        await bench.smu.compliance.set("20 mA")',
        "        await bench.smu.output.set(True)",
        '        async for voltage in run.sweep("0 mV", "700 mV", points=51):',
        "            await bench.smu.voltage.set(voltage)",
        '            await run.settle("20 ms")',
        "            v_i = await bench.smu.reading.get()",
        '            run.record(setpoint=voltage, V=v_i["v"], I=v_i["i"])',
        "    return run",
    ]
    assert "Left out, since the rows do not need it: XY plot." in text


def test_what_has_no_words_is_refused_by_name_all_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    graph = Graph()
    scan = graph.add("sweep", points=2)
    previous = graph.add("control.previous", "The one before")
    merge = graph.add("control.merge", "Either")
    scan.outputs["value"].connect(previous.inputs["value"])
    scan.outputs["value"].connect(merge.inputs["input"])
    gate, monitor = graph.add("control.gate", "Door"), graph.add("device.monitor tc.a.kelvin")
    scan.outputs["value"].connect(gate.inputs["input"])
    graph.add("value_node", "Never given").outputs["out"].connect(gate.inputs["open"])
    add = graph.add("add_node", "Sum")
    scan.outputs["value"].connect(add.inputs["a"])
    graph.add("value_node", "Nothing").outputs["out"].connect(add.inputs["b"])
    graph.record(
        *(n.outputs["out"] for n in (previous, merge, gate, add)), monitor.outputs["value"]
    )
    with pytest.raises(CannotWriteError) as refused:
        written(graph, settings, tmp_path)
    door, first, kelvin, waits, second = sorted(refused.value.context["problems"])
    assert door == "Door takes its open from the point before, which cannot be written yet."
    assert "reads beside the points of a scan" in kelvin
    assert waits == "Sum waits for b, which Nothing has never given."
    assert first == "Either gives something only now and then, which cannot be written yet."
    assert second.startswith("The one before sets things off by itself, or at the next point")


def test_a_graph_without_points_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(CannotWriteError, match="has no scan and no other frame"):
        written(Graph(), settings, tmp_path)

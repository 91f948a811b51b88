"""Runs as Bluesky documents: by the schemas of event-model, live as from the file."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import event_model
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from funcnodes import open_bench
from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.documents import Document
from funcnodes.runs.exporting import export_runs
from funcnodes.runs.records import Cell, Column, ScanAxis, TableSpec
from funcnodes.settings import Settings

from .recorded import diode, recorded
from .tables import Rows, kept, same, tables
from .test_axes import nested

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "data.md"


class Checked(event_model.SingleRunDocumentRouter):
    """Takes the documents of one run; refuses what a schema forbids or what fits no other."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptors: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.stopped: dict[str, Any] | None = None

    def descriptor(self, doc: dict[str, Any]) -> dict[str, Any]:
        assert doc["run_start"] == self.get_start()["uid"]
        self.descriptors[doc["uid"]] = doc
        self.events.setdefault(doc["name"], [])
        return doc

    def event(self, doc: dict[str, Any]) -> dict[str, Any]:
        descriptor = self.descriptors[doc["descriptor"]]
        assert set(doc["data"]) == set(descriptor["data_keys"]) == set(doc["timestamps"])
        events = self.events[descriptor["name"]]
        events.append(doc)
        assert doc["seq_num"] == len(events)
        for key, value in doc["data"].items():
            if isinstance(value, np.ndarray):
                assert descriptor["data_keys"][key]["shape"] == list(value.shape)
        return doc

    def stop(self, doc: dict[str, Any]) -> dict[str, Any]:
        self.stopped = doc
        return doc


def checked(documents: Iterable[Document]) -> Checked:
    found = Checked()
    uids = []
    for name, document in documents:
        found(name, document, validate=True)
        uids += [document["uid"]] if isinstance(document["uid"], str) else document["uid"]
    assert len(uids) == len(set(uids))
    if found.stopped is not None:
        counted = {name: len(events) for name, events in found.events.items()}
        assert found.stopped["num_events"] == counted
    return found


@pytest.fixture
def run(tmp_path: Path) -> RunReader:
    return diode(tmp_path / "runs")


def test_a_stored_run_keeps_the_schemas(run: RunReader) -> None:
    """R2, D7: quality beside each column; instruments, units and origin are said."""
    found = checked(run.documents())
    start = found.get_start()
    assert (start["uid"], start["scan_id"], start["operator"]) == (run.head.id, 1, "ada")
    assert start["simulated"] == "1 of 2"
    descriptor, mixed = found.descriptors.values()
    assert mixed["data_keys"]["mixed"]["dtype"] == "array", "its second row holds a list"
    assert descriptor["data_keys"]["V"]["units"] == "V"
    assert descriptor["data_keys"]["trace"] | {"source": ""} == {
        "dtype": "array", "shape": [3], "dtype_numpy": "<f8", "units": "V", "source": "",
    }  # fmt: skip
    smu = descriptor["configuration"]["smu"]
    assert smu["data"]["smu_serial_number"] == "1234567"
    assert (smu["data"]["smu_voltage"], smu["data_keys"]["smu_voltage"]["units"]) == (0.5, "V")
    first, second, third = (event["data"] for event in found.events["primary"])
    assert (first["V"], first["I quality"], second["I quality"]) == (0.1, "ok", "overrange")
    assert same([second["I"], third["I"]], [float("nan")] * 2)
    assert (third["count"], third["on"], third["range"]) == (2**60, True, "µ")
    assert found.stopped is not None
    assert (found.stopped["exit_status"], found.stopped["time"]) == ("success", run.head.ended)


def test_what_changes_its_form_has_a_descriptor_of_its_own(tmp_path: Path) -> None:
    rows = [[Cell(np.arange(2.0))], [Cell(None, "missing")], [Cell(np.arange(3.0))], [Cell("off")]]
    run = recorded(tmp_path, (Column(name="x", kind="array"),), rows)
    found = checked(run.documents())
    keys = [each["data_keys"]["x"] for each in found.descriptors.values()]
    assert [key["dtype"] for key in keys] == ["array", "array", "string"]
    assert [key["shape"] for key in keys] == [[2], [3], []]
    assert np.isnan(found.events["primary"][1]["data"]["x"]).tolist() == [True, True]


def test_pages_hold_the_same_events(run: RunReader) -> None:
    whole = list(run.documents())
    paged = list(run.documents(page_rows=2))
    assert [name for name, _ in paged] == [
        "start", "descriptor", "event_page", "descriptor", "event_page", "stop",
    ]  # fmt: skip
    checked(paged)

    def events() -> Iterator[Any]:
        for name, document in paged:
            if name == "event_page":
                yield from event_model.unpack_event_page(document)

    for one, other in zip((doc for name, doc in whole if name == "event"), events(), strict=True):
        assert all(same(one["data"][key], other["data"][key]) for key in one["data"])
        assert (one["uid"], one["seq_num"]) == (other["uid"], other["seq_num"])


def test_a_file_of_lines_is_read_as_bluesky_writes_them(run: RunReader, tmp_path: Path) -> None:
    export_runs([run], tmp_path / "x.jsonl", "bluesky")
    lines = (tmp_path / "x.jsonl").read_text().splitlines()
    documents = [json.loads(line) for line in lines]
    checked((each["name"], each["doc"]) for each in documents)
    assert [each["name"] for each in documents] == [name for name, _ in run.documents()]
    traces = [each["doc"]["data"]["trace"] for each in documents if each["name"] == "event"]
    assert traces[2] == [1e300, -0.0, 5e-324]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables())
def test_any_table_comes_through_exactly(table: tuple[tuple[Column, ...], Rows]) -> None:
    with kept(table) as (run, _):
        found = checked(run.documents())
        events = found.events.get("primary", [])
        for n, column in enumerate(table[0]):
            for cells, event in zip(table[1], events, strict=True):
                cell = cells[n]
                assert event["data"][f"{column.name} quality"] == cell.quality
                kind = found.descriptors[event["descriptor"]]["data_keys"][column.name]["dtype"]
                if cell.value is not None and kind != "string":
                    assert same(event["data"][column.name], cell.value)
                if isinstance(cell.value, str):
                    assert event["data"][column.name] == cell.value


def test_a_run_that_goes_on_has_no_stop_yet(tmp_path: Path) -> None:
    spec = TableSpec(recorder="r", name="R", columns=(Column(name="x"),))
    writer = RunStore(tmp_path).create(graph={}, specs=[spec])
    writer.append(0, [Cell(1.0)], wall=0.0, mono=0.0)
    writer.flush().result()
    assert [name for name, _ in RunReader(writer.path).documents()] == [
        "start", "descriptor", "event",
    ]  # fmt: skip
    writer.close(writer.head).result()


# ── while it is on ────────────────────────────────────────────────────────────────────────────


async def test_a_graph_run_tells_what_its_file_says_later(lab: Any, diode_class: Any) -> None:
    """From the first document, however late somebody subscribes; R3: two recorders, two streams."""
    sweep, diode = lab.add("sweep", stop=2.0, points=3), lab.add(diode_class)
    sweep.value.connect(diode.v)
    lab.record(sweep.value, diode.i, name="Fast")
    lab.record(diode.i, name="Slow")
    early: list[Document] = []
    forget = lab.runner.subscribe(lambda *document: early.append(document))
    run = await lab.run()
    late: list[Document] = []
    run.subscribe(lambda *document: late.append(document))
    assert sorted(map(repr, late)) == sorted(map(repr, early))
    assert sorted(map(repr, lab.store.find(run.id).documents())) == sorted(map(repr, early))
    found = checked(early)
    assert {name: len(events) for name, events in found.events.items()} == {"primary": 3, "Slow": 3}
    start = found.get_start()
    assert start["hints"]["dimensions"] == [[start["motors"], "primary"]]
    forget()
    await lab.run()
    assert len([name for name, _ in early if name == "start"]) == 1


async def test_a_nested_scan_says_its_dimensions_and_its_shape(lab: Any) -> None:
    nested(lab, inner={"unit": "V"})
    found: list[Document] = []
    lab.runner.subscribe(lambda *document: found.append(document))
    await lab.run()
    start = checked(found).get_start()
    assert start["detectors"] == ["sum"]
    assert start["motors"] == ["b"], "the outer value was not recorded"
    assert "shape" not in start


def test_streams_and_devices_are_those_of_the_run(tmp_path: Path) -> None:
    """A monitor beside the scan is a stream; keys are those of the instrument they come from."""
    volts = Column(name="V", unit="V", node="n", port="p")
    amps = Column(name="I", unit="A", node="m", port="p", device="smu", member="reading")
    axes = (ScanAxis(name="V", unit="V", points=(0.0, 1.0), length=2),)
    kelvin = Column(name="T", unit="K", device="tc", member="a.kelvin")
    specs = [
        TableSpec(recorder="r", name="Rows", columns=(volts, amps), axes=axes),
        TableSpec(recorder="m", name="Oven", stream="Oven", kind="monitor", columns=(kelvin,)),
        TableSpec(recorder="s", name="Other", columns=(volts,)),
    ]
    writer = RunStore(tmp_path).create(graph={}, specs=specs)
    for k, cells in enumerate(([Cell(0.0), Cell(1.0)], [Cell(4.2)], [Cell(5.0)])):
        writer.append(k, cells, wall=0.0, mono=0.0, places=(0,) if k == 0 else ())
    writer.close(msgspec.structs.replace(writer.head, state="complete", ended=1.0)).result()
    found = checked(RunReader(writer.path).documents())
    assert list(found.events) == ["primary", "Oven", "Other"]
    start = found.get_start()
    assert (start["motors"], start["detectors"], start["shape"]) == (["V"], ["I"], [2])
    primary, oven, _ = found.descriptors.values()
    assert primary["object_keys"]["smu"] == ["I", "I quality"]
    assert primary["hints"]["smu"] == {"fields": ["I"]}
    assert primary["data_keys"]["I"]["source"] == "funcnodes:smu.reading"
    assert oven["object_keys"]["tc"] == ["T", "T quality"]


@pytest.mark.formats
async def test_a_callback_of_bluesky_is_fed_by_a_run(
    lab: Any, diode_class: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bluesky's own table, made while the run is on."""
    from bluesky.callbacks.best_effort import BestEffortCallback

    sweep, diode = lab.add("sweep", stop=2.0, points=3), lab.add(diode_class)
    sweep.value.connect(diode.v)
    lab.record(sweep.value, diode.i)
    callback = BestEffortCallback()
    callback.disable_plots()
    lab.runner.subscribe(callback)
    run = await lab.run()
    said = capsys.readouterr().out
    assert f"Persistent Unique Scan ID: '{run.id}'" in said
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines()]
    assert [row[0] for row in rows if len(row) == 4] == ["seq_num", "1", "2", "3"]
    assert [row[-1] for row in rows if len(row) == 4][1:] == ["0.000", "1.000", "4.000"]


async def test_cells_of_any_kind_are_told_as_the_file_keeps_them(tmp_path: Path) -> None:
    cells = [np.int64(3), np.float32(0.5), (1, 2), {"a": 1}, b"raw", 2**70, math.nan, None, True]
    bench = tmp_path / "bench.toml"
    bench.write_text('name = "empty"\n')
    found: list[Document] = []
    async with (
        open_bench(bench, settings=Settings(tmp_path / "config")) as opened,
        opened.run("any") as run,
    ):
        run.subscribe(lambda *document: found.append(document))
        for cell in cells:
            run.record(x=cell, n=1.0)
    checked(found)
    stored = opened.store.find("latest").documents()
    assert list(map(repr, stored)) == list(map(repr, found))


async def test_a_run_that_is_aborted_says_so(lab: Any, gate_class: Any) -> None:
    sweep, gate = lab.add("sweep", points=3), lab.add(gate_class)
    sweep.value.connect(gate.x)
    lab.record(sweep.value)
    found: list[Document] = []
    run = await lab.runner.start()
    run.subscribe(lambda *document: found.append(document))
    await gate.reached.wait()
    run.abort("It smokes.")
    await run.wait()
    name, stop = found[-1]
    assert (name, stop["exit_status"], stop["reason"]) == ("stop", "abort", "It smokes.")


async def test_a_subscriber_that_fails_is_told_no_more_and_harms_nobody(lab: Any) -> None:
    told: list[str] = []
    others: list[str] = []

    def fails(name: str, document: dict[str, Any]) -> None:
        told.append(name)
        raise ValueError("no room")

    lab.record(lab.add("sweep", points=3).value)
    lab.runner.subscribe(fails)
    lab.runner.subscribe(lambda name, document: others.append(name))
    run = await lab.run()
    assert (run.state, told, others.count("event")) == ("complete", ["start"], 3)


async def test_a_subscriber_may_leave_while_it_is_told(lab: Any) -> None:
    told: list[str] = []
    lab.record(lab.add("sweep", points=3).value)
    run = await lab.runner.start()

    def leaves(name: str, document: dict[str, Any]) -> None:
        told.append(name)
        if name == "event":
            forget()

    forget = run.subscribe(leaves)
    await run.wait()
    assert told == ["start", "descriptor", "event"]


async def test_a_script_subscribes_to_its_run(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text('name = "empty"\n')
    found: list[Document] = []
    async with (
        open_bench(bench, settings=Settings(tmp_path / "config")) as opened,
        opened.run("I-V", operator="Ada") as run,
    ):
        run.record(volts=0.5, amps=1e-3)
        run.subscribe(lambda *document: found.append(document))
        run.record(volts=1.0)
    assert [name for name, _ in found] == ["start", "descriptor", "event", "event", "stop"]
    assert checked(found).events["primary"][1]["data"]["amps quality"] == "missing"
    stored = opened.store.find("latest").documents()
    assert list(map(repr, stored)) == list(map(repr, found))


def test_the_guide_does_what_it_says_of_documents(
    tmp_path: Path, config_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, stored, live = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    exec(stored, {"run": diode(tmp_path / "runs")})
    assert capsys.readouterr().out == "1 0.1\n2 0.2\n3 0.3333333333333333\n"
    exec(live, {})
    assert len(list((config_dir / "workers" / "local" / "runs").glob("*.sqlite"))) == 1

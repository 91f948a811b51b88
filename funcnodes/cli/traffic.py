"""`funcnodes device traffic|record|replay`: what went over the wires, kept and answered from."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from funcnodes.cli.opening import OWNER, SomeBench, bench_with, locks
from funcnodes.cli.output import Json, complain, print_json, print_table
from funcnodes.errors import DeviceError, FuncnodesError, RefusedError

if TYPE_CHECKING:
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.device import Device
    from funcnodes.devices.messages.recorded import Recorded, RecordedDevice
    from funcnodes.devices.messages.traffic import Exchange, Filter
    from funcnodes.settings import Settings

RecordingFile = Annotated[Path, typer.Argument(metavar="FILE", help="A recording of traffic.")]


def register(device: typer.Typer) -> None:
    """Add the commands to `device`."""
    device.command("traffic")(traffic)
    device.command("record")(record)
    device.command("replay")(replay)


# ── looking at it ─────────────────────────────────────────────────────────────────────────


def traffic(
    file: RecordingFile,
    device: Annotated[str, typer.Option(help="Only this device.")] = "",
    only: Annotated[
        str, typer.Option(metavar="KINDS", help="Only these, e.g. out,in,stop,silence,note.")
    ] = "",
    match: Annotated[str, typer.Option(help="Only what holds this text, e.g. SOUR:VOLT.")] = "",
    slower_than: Annotated[
        float | None, typer.Option(metavar="MS", help="Only replies that took longer.")
    ] = None,
    last: Annotated[int, typer.Option(help="Only so many, the newest; 0 for all.")] = 0,
    as_json: Json = False,
) -> None:
    """Show what went over the wires, from a recording."""
    from funcnodes.devices.messages.recorded import Recorded, exchange_line
    from funcnodes.devices.messages.traffic import Filter, line

    recorded = Recorded.load(file)
    if device:
        recorded.device(device)  # says which there are
    wanted = Filter(_kinds(only), match, slower_than_ms=slower_than)
    found = _merged(recorded, wanted, device)
    for name, exchange in found[-last:] if last > 0 else found:
        if as_json:
            print(exchange_line(name, exchange).decode().rstrip())
        else:
            print(line(exchange, name))
    _say_if_cut(recorded)


def _kinds(text: str) -> "frozenset[Any]":
    from funcnodes.devices.messages.traffic import Direction

    kinds = frozenset(filter(None, (part.strip() for part in text.split(","))))
    known = get_args(Direction)
    for kind in sorted(kinds - set(known)):
        raise typer.BadParameter(f"--only {kind}: there are {', '.join(known)}.")
    return kinds


def _merged(recorded: "Recorded", wanted: "Filter", device: str) -> "list[tuple[str, Exchange]]":
    found = [
        (name, exchange)
        for name, each in recorded.devices.items()
        if device in ("", name)
        for exchange in wanted.of(each.exchanges)
    ]
    return sorted(found, key=lambda item: item[1].mono)


def _say_if_cut(recorded: "Recorded") -> None:
    if recorded.is_cut:
        complain(f"{recorded.path}: the last line is cut; what recorded it was ended hard.")


# ── keeping it ────────────────────────────────────────────────────────────────────────────


def record(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The recording; must be new.")],
    device: Annotated[
        str, typer.Argument(metavar="[DEVICE]", help="An address, or a device of --bench.")
    ] = "",
    bench: SomeBench = None,
    read: Annotated[
        list[str] | None,
        typer.Option(metavar="MEMBER", help="What to read, e.g. reading or smu.reading."),
    ] = None,
    every: Annotated[float, typer.Option(help="Seconds from one round to the next.")] = 1.0,
    count: Annotated[int, typer.Option(help="Rounds of reading; 0 until Ctrl-C.")] = 0,
    as_json: Json = False,
) -> None:
    """Record every byte while reading; Ctrl-C ends it.

    Of one device, or of all of a bench. Without --read everything that can be measured is read.
    """
    if not device and bench is None:
        raise typer.BadParameter("Say which: an address, or --bench FILE.")
    rounds: list[int] = []

    async def main() -> None:
        await _record(await _bench(ctx.obj, device, bench), file, read or (), every, count, rounds)

    with suppress(KeyboardInterrupt):
        asyncio.run(main())
    _show_recording(file, len(rounds), as_json=as_json)


async def _bench(settings: "Settings", device: str, file: Path | None) -> "Bench":
    from funcnodes.devices.bench import Bench

    if device or file is None:
        return await bench_with(settings, device, file)
    return Bench.load(file, lock_dir=locks(settings), owner=OWNER)


async def _record(
    bench: "Bench", file: Path, read: Sequence[str], every: float, count: int, rounds: list[int]
) -> None:
    from funcnodes.devices.bench.recorder import TrafficRecorder

    with TrafficRecorder(file, bench):
        try:
            await bench.open()
            for device in bench.devices.values():
                if not device.is_online:
                    raise DeviceError(f"{device.name} ({device.address}): {device.message}")
            members = _readable(bench, read)
            due = time.monotonic()
            while not count or len(rounds) < count:
                for device, member in members:
                    await _read(device, member)
                rounds.append(len(members))
                due += every
                if not count or len(rounds) < count:
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
        finally:
            await bench.close()


def _readable(bench: "Bench", read: Sequence[str]) -> "list[tuple[Device, str]]":
    """The members to read, checked; by default all that measure."""
    devices = bench.devices
    if not read:
        return [
            (device, path)
            for device in devices.values()
            for path, member in device.members()
            if member.kind in ("measurement", "record")
        ]
    found = []
    for text in read:
        name, dot, member = text.partition(".")
        if not (dot and name in devices):
            if len(devices) > 1:
                raise FuncnodesError(f"{text!r}: say of which device, e.g. {next(iter(devices))}.…")
            name, member = next(iter(devices)), text
        devices[name].member(member)  # says which there are
        found.append((devices[name], member))
    return found


async def _read(device: "Device", member: str) -> None:
    """A reading for the recording; one that needs an output that is off is left out."""
    with suppress(RefusedError):
        await device.member_read(member)


def _show_recording(file: Path, rounds: int, *, as_json: bool) -> None:
    from funcnodes.devices.messages.recorded import Recorded

    recorded = Recorded.load(file)
    count = sum(len(device.exchanges) for device in recorded.devices.values())
    if as_json:
        print_json({"recording": str(file), "rounds": rounds, "entries": count,
                    "devices": list(recorded.devices)})  # fmt: skip
    else:
        names = ", ".join(recorded.devices)
        print(f"{file}: {count} entries of {names} in {rounds} rounds.")


# ── answering from it ─────────────────────────────────────────────────────────────────────


def replay(
    ctx: typer.Context,
    file: RecordingFile,
    device: Annotated[str, typer.Option(help="Only this device.")] = "",
    ask: Annotated[
        list[str] | None,
        typer.Option(metavar="QUERY", help="Ask the recording this; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Check that a recording can be replayed, or ask it something.

    Connects each installed driver to it, which must say what was said then.
    """
    from funcnodes.devices.messages.recorded import Recorded

    recorded = Recorded.load(file)
    if device:
        recorded.device(device)  # says which there are
    names = [device] if device else list(recorded.devices)
    if ask:
        return _ask(recorded, recorded.device(device), ask, as_json=as_json)
    problems = asyncio.run(_connect(ctx.obj, recorded, names))
    told = [_told(recorded.devices[name], problems[name]) for name in names]
    if as_json:
        print_json({"recording": str(file), "bench": recorded.head.bench, "is_cut": recorded.is_cut,
                    "versions": recorded.head.versions, "devices": told})  # fmt: skip
    else:
        print_table(
            ("Device", "Driver", "Said", "Read", "Seconds", "Connects as", "Problem"),
            [
                (each["name"], each["driver"], str(each["said"]), str(each["read"]),
                 f"{each['seconds']:.1f}", each["identity"], each["problem"])
                for each in told
            ],
        )  # fmt: skip
        _say_if_cut(recorded)
    return 1 if any(problems.values()) else 0


def _told(device: "RecordedDevice", problem: str) -> dict[str, Any]:
    passed = device.exchanges
    kinds = [exchange.direction for exchange in passed]
    return {
        "name": device.head.name, "driver": device.head.driver, "address": device.head.address,
        "identity": device.head.identity, "simulated": device.head.simulated,
        "said": kinds.count("out"), "read": kinds.count("in"),
        "seconds": passed[-1].mono - passed[0].mono if passed else 0.0, "problem": problem,
    }  # fmt: skip


async def _connect(
    settings: "Settings", recorded: "Recorded", names: Sequence[str]
) -> Mapping[str, str]:
    """By device why it cannot be connected to, or ""."""
    from dataclasses import replace

    from funcnodes.devices.bench import Bench
    from funcnodes.devices.bench.recorder import recorded_bench, replayed

    problems = {}
    whole = replayed(recorded_bench(recorded), recorded)
    for name in names:
        problems[name] = ""
        try:
            bench = Bench(replace(whole, devices={name: whole.devices[name]}))
        except FuncnodesError as error:
            problems[name] = error.message
            continue
        try:
            await bench.device(name).connect()
        except DeviceError as error:
            problems[name] = error.message
        finally:
            await bench.close()
    return problems


def _ask(
    recorded: "Recorded", device: "RecordedDevice", ask: Sequence[str], *, as_json: bool
) -> int:
    """Queries against the recording by matching; no driver is needed."""
    answers = asyncio.run(_answers(recorded, device, ask))
    for query, answer in zip(ask, answers, strict=True):
        if as_json:
            print_json({"device": device.head.name, "query": query, "answer": answer})
        else:
            print(answer)
    return 0


async def _answers(recorded: "Recorded", device: "RecordedDevice", ask: Sequence[str]) -> list[str]:
    from funcnodes.devices.transports.replaying import Matching, Replaying

    protocol = device.head.protocol
    eol = str(protocol.get("eol", "\n")).encode()
    ends = str(protocol.get("reply_eol", "\n")).encode()
    wire = Replaying(str(recorded.path), Matching(device, recorded.path.name))
    await wire.open()
    try:
        answers = []
        for query in ask:
            await wire.write(query.encode() + eol)
            try:
                answers.append((await wire.read_until(ends)).decode(errors="replace").rstrip())
            except TimeoutError as error:
                raise DeviceError(f"{query!r} was not answered then either.") from error
        return answers
    finally:
        await wire.close()

"""`funcnodes device …`: what is connected, who it is, what it reads; under the workers' locks."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from funcnodes.cli import new_driver, traffic
from funcnodes.cli.opening import OWNER, BenchFile, SomeBench, locks, opened, with_device
from funcnodes.cli.output import Json, complain, print_json, print_table

if TYPE_CHECKING:
    from funcnodes.devices.bench.plan import SafetyPlan
    from funcnodes.devices.benchfile import DeviceConfig
    from funcnodes.devices.device import Device
    from funcnodes.settings import Settings

AddressText = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="E.g. tcp:10.0.0.5:5025 or serial:/dev/ttyUSB0.")
]
Target = Annotated[
    str, typer.Argument(metavar="DEVICE", help="An address, or with --bench a device's name.")
]


SomeSeconds = Annotated[
    float | None, typer.Option(help="Seconds to wait for each answer [default: 0.5].")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    device = typer.Typer(
        help="List, identify, read and check instruments.", no_args_is_help=True,
        rich_markup_mode=None,
    )  # fmt: skip
    device.command("list")(list_attached)
    device.command("scan")(scan)
    device.command("identify")(identify)
    device.command("drivers")(list_drivers)
    device.command("query")(query)
    device.command("add")(add)
    device.command("check")(check)
    device.command("snapshot")(snapshot)
    device.command("watch")(watch)
    traffic.register(device)
    new_driver.register(device)
    app.add_typer(device, name="device")


# ── what there is ─────────────────────────────────────────────────────────────────────────


def list_attached(
    ctx: typer.Context,
    mdns: Annotated[bool, typer.Option("--mdns", help="Listen for LXI instruments, too.")] = False,
    vxi11: Annotated[
        bool, typer.Option("--vxi11", help="Ask the subnet by broadcast, which all of it hears.")
    ] = False,
    visa: Annotated[
        bool, typer.Option("--visa", help="Have pyvisa list, which may open what it lists.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List serial ports and USB instruments; opens none of them."""
    found = asyncio.run(_attached(locks(ctx.obj), mdns or vxi11, vxi11, visa))
    if as_json:
        print_json([_plain(each) for each in found])
    elif found:
        rows = [(each.address, each.usb, each.title, each.holder) for each in found]
        print_table(("Address", "USB", "Name", "In use by"), rows)
    else:
        print("No serial port and no instrument was found.")


async def _attached(locks: Path, mdns: bool, vxi11: bool, visa: bool) -> list[Any]:
    from funcnodes.devices import discovery

    found = discovery.attached(locks)
    if mdns:
        found += await discovery.on_network(locks, with_broadcast=vxi11)
    if visa:
        found += await discovery.by_visa(locks=locks)
    return found


def list_drivers(as_json: Json = False) -> None:
    """List the drivers that are installed, whom each is for and how it is made safe."""
    from funcnodes.devices.bench.plan import estop_words, park_words
    from funcnodes.devices.declarations import drivers

    broken = drivers.broken()
    kinds = [drivers.find(name) for name in drivers.names() if name not in broken]
    for name, why in broken.items():
        complain(why if name in why else f"{name}: {why}")
    if as_json:
        print_json(
            [
                {**_driver(kind.spec), "park": park_words(kind), "replies": _replies(kind)}
                for kind in kinds
            ]
        )
        return
    rows = [
        (kind.spec.name, _for_whom(kind.spec.match), estop_words(kind), park_words(kind))
        for kind in kinds
    ]
    print_table(("Driver", "*IDN? answers", "On E-STOP", "At the end of a run"), rows)


def scan(
    ctx: typer.Context,
    addresses: Annotated[
        list[str], typer.Argument(metavar="ADDRESS...", help="Addresses to ask, and no others.")
    ],
    timeout: SomeSeconds = None,
    as_json: Json = False,
) -> int:
    """Ask each of these addresses who is there.

    Only what is named is opened, one after the other; only *IDN? is sent.
    """
    found, silent = asyncio.run(_scan(ctx.obj, addresses, timeout))
    if as_json:
        print_json({"found": [_identified(each) for each in found], "silent": silent})
    else:
        for each in found:
            print(_sentence(each))
        for address, why in silent.items():
            complain(f"{address}: {why}" if address not in why else why)
    return 0 if not silent else 1


def identify(
    ctx: typer.Context,
    address: AddressText,
    timeout: SomeSeconds = None,
    as_json: Json = False,
) -> None:
    """Ask who is there; tries terminators, speeds, and 7 bits with a parity."""
    found = asyncio.run(_identify(ctx.obj, address, timeout))
    if as_json:
        print_json(_identified(found))
    else:
        print(_sentence(found))


async def _identify(
    settings: "Settings", address: str, timeout_s: float | None = None, *, driver: str = ""
) -> Any:
    from funcnodes.devices import discovery
    from funcnodes.devices.addresses import parse

    return await discovery.identify(
        parse(address), locks=locks(settings), timeout_s=timeout_s, owner=OWNER, driver=driver
    )


async def _scan(
    settings: "Settings", addresses: Iterable[str], timeout_s: float | None
) -> tuple[list[Any], dict[str, str]]:
    from funcnodes.errors import DeviceError

    found, silent = [], {}
    for address in addresses:
        try:
            found.append(await _identify(settings, address, timeout_s))
        except DeviceError as error:
            silent[address] = error.message
    return found, silent


# ── one device ────────────────────────────────────────────────────────────────────────────


def query(
    ctx: typer.Context,
    device: Target,
    command: Annotated[str, typer.Argument(metavar="QUERY", help="E.g. ':SOUR:VOLT?'.")],
    bench: SomeBench = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait for the answer.")] = None,
    as_json: Json = False,
) -> None:
    """Ask an instrument one question and print what it answers.

    Only questions: what ends in '?'. Writing is for its driver, which knows limits and what is
    safe.
    """

    async def ask(found: "Device") -> str:
        return await found.query(command, timeout_s=timeout)

    answer = asyncio.run(with_device(ctx.obj, device, bench, ask))
    if as_json:
        print_json({"device": device, "query": command, "answer": answer})
    else:
        print(answer)


def watch(
    ctx: typer.Context,
    device: Target,
    member: Annotated[str, typer.Argument(help="What to read, e.g. reading or a.kelvin.")],
    bench: SomeBench = None,
    every: Annotated[float, typer.Option(help="Seconds from one reading to the next.")] = 1.0,
    count: Annotated[int, typer.Option(help="Readings to take; 0 until Ctrl-C.")] = 0,
    as_json: Json = False,
) -> None:
    """Read again and again, and print each reading with its time; Ctrl-C ends it."""

    async def read(found: "Device") -> None:
        taken, due = 0, time.monotonic()
        while not count or taken < count:
            samples = await found.member_read(member)
            _print_samples(samples, as_json=as_json)
            taken += 1
            due += every
            if not count or taken < count:
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    asyncio.run(with_device(ctx.obj, device, bench, read))


# ── a whole bench ─────────────────────────────────────────────────────────────────────────


def check(ctx: typer.Context, bench: BenchFile, as_json: Json = False) -> int:
    """Connect to each device of a bench, say who answered and how each is stopped.

    Changes nothing.
    """

    async def look() -> tuple[list[dict[str, Any]], Any, list[str]]:
        async with opened(ctx.obj, bench) as found:
            plan, devices = found.safety_plan(), found.devices.values()
            notes = [f"Requirement: {each}" for device in devices for each in device.unmet()]
            notes += [f"{device.name}: {device.remark}" for device in devices if device.remark]
            return [_state(device, plan) for device in devices], plan, notes

    states, plan, notes = asyncio.run(look())
    if as_json:
        print_json(states)
    else:
        rows = [(s["name"], s["state"], s["identity"] or s["message"], s["stop"]) for s in states]
        print_table(("Device", "State", "Answers as", "On E-STOP"), rows)
        print("\n".join(["", *plan.lines(), *notes]))
    return 1 if any(state["state"] in ("offline", "fault") for state in states) else 0


def snapshot(ctx: typer.Context, bench: BenchFile, as_json: Json = False) -> None:
    """Show how every device of a bench is set; reads, and changes nothing."""

    async def look() -> dict[str, Any]:
        async with opened(ctx.obj, bench) as found:
            await found.read_snapshot()  # after which the newest values are those of now
            return found.snapshot()

    found = asyncio.run(look())
    if as_json:
        print_json(found)
        return
    for name, device in found.items():
        print(f"{name}  {device['identity'] or device['state']}")
        for parameter, sample in device["parameters"].items():
            quality = "" if sample["quality"] == "ok" else f"  ({sample['quality']})"
            print(f"  {parameter} = {_shown(sample['value'])} {sample['unit']}".rstrip() + quality)


def add(
    ctx: typer.Context,
    bench: Annotated[Path, typer.Argument(help="Bench file; made if there is none.")],
    name: Annotated[str, typer.Argument(help="What the device is to be called, e.g. smu.")],
    address: AddressText,
    driver: Annotated[
        str, typer.Option(help="Driver [default: the one that fits what answers].")
    ] = "",
    as_json: Json = False,
) -> None:
    """Put a device into a bench file: driver, serial number, and how it has to be spoken to."""
    from funcnodes.devices.benchfile import BenchFile, DeviceConfig
    from funcnodes.errors import BenchError

    found = _asked(ctx.obj, address, driver)
    if found is not None and not found.driver:
        raise BenchError(
            f"No installed driver fits {found.identity} at {address}.",
            hint="Name one by --driver, e.g. scpi; `device drivers` lists them.",
        )
    file = BenchFile.load(bench) if bench.exists() else BenchFile.new(bench.stem)
    if name in file.config.devices:
        raise BenchError(f"{bench} has a device {name!r} already.", hint="Choose another name.")
    serial = found.identity.serial if found is not None else ""
    chosen = DeviceConfig(name, driver or str(found and found.driver), address, serial=serial)
    if found is not None:
        chosen = replace(chosen, options=found.options)
    _refuse_unusable(chosen)
    file.put_device(chosen)
    file.save(bench)
    said = dict(chosen.options.said())
    if as_json:
        print_json({"bench": str(bench), "name": name, "driver": chosen.driver, "serial": serial,
                    "options": said})  # fmt: skip
    else:
        who = f" ({_named(found.identity)})" if found else ""
        how = f", {_spoken(said)}" if said else ""
        print(f"{bench}: {name} is {chosen.driver} at {address}{who}{how}.")


def _asked(settings: "Settings", address: str, driver: str) -> Any:
    """Who is there; None where a driver is named and nobody answers, or is to be asked so."""
    from funcnodes.devices.declarations import drivers
    from funcnodes.errors import DeviceError

    if not driver:
        return asyncio.run(_identify(settings, address))
    if drivers.find(driver).spec.protocol.identify != "*IDN?":
        return None
    try:
        return asyncio.run(_identify(settings, address, driver=driver))
    except DeviceError as error:
        complain(f"{error.message} It was added as it is named.")
        return None


def _refuse_unusable(config: "DeviceConfig") -> None:
    """Raise BenchError for a device of which its bench could load no driver."""
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.benchfile import BenchConfig
    from funcnodes.errors import BenchError

    bench = Bench(BenchConfig("new", devices={config.name: config}))
    why = bench.devices[config.name].unusable
    if why:
        raise BenchError(f"{config.name} was not added: {why}", device=config.name)


# ── as they are printed ───────────────────────────────────────────────────────────────────


_LISTED = ("address", "title", "usb", "holder", "found_by")


def _plain(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in _LISTED}


def _driver(spec: Any) -> dict[str, Any]:
    match = spec.match
    return {
        "name": spec.name, "title": spec.title, "manual": spec.manual,
        "maker": match.maker if match else None, "model": match.model if match else None,
        "safe_state": spec.safe_state,
    }  # fmt: skip


def _replies(kind: Any) -> dict[str, Any]:
    """How replies are read that are no plain values, and what means "no number", by member."""
    from funcnodes.devices.declarations.schemas import reply_words

    return reply_words(kind)


def _for_whom(match: Any) -> str:
    return f"{match.maker}, {match.model}" if match is not None else "anybody"


def _identified(found: Any) -> dict[str, Any]:
    who = found.identity
    return {
        "address": found.address, "maker": who.maker, "model": who.model, "serial": who.serial,
        "firmware": who.firmware, "driver": found.driver or None, "eol": found.eol,
        "baud": found.baud, "options": dict(found.options.said()),
    }  # fmt: skip


def _sentence(found: Any) -> str:
    who = found.identity
    fits = f"driver {found.driver}" if found.driver else "no driver fits"
    said = dict(found.options.said())
    how = f", {_spoken(said)}" if said else ""
    return f"{found.address}: {_named(who)} ({fits}{how})"


def _named(who: Any) -> str:
    number = f", serial number {who.serial}" if who.serial else ""
    return f"{' '.join(filter(None, (who.maker, who.model)))}{number}"


def _spoken(options: dict[str, Any]) -> str:
    """What was found out of how it is spoken to, as a bench file says it."""
    return ", ".join(f"{name} {_visible(value)}" for name, value in options.items())


def _visible(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else repr(value)


def _state(device: "Device", plan: "SafetyPlan") -> dict[str, Any]:
    from msgspec import to_builtins

    return {
        "name": device.name, "driver": device.driver, "address": device.address,
        "state": device.state, "message": device.message, "stop": device.safe_state,
        "identity": str(device.identity) if device.identity.is_known else "",
        "remark": device.remark,
        "output_on": device.output_on, "safety": to_builtins(plan.of(device.name)),
        "warnings": [each.text for each in plan.warnings if each.name == device.name],
    }  # fmt: skip


def _print_samples(samples: Any, *, as_json: bool) -> None:
    if as_json:
        values = {n: {"value": s.value, "unit": s.unit, "quality": s.quality, "t": s.t}
                  for n, s in samples.items()}  # fmt: skip
        print_json(values)
        return
    told = [
        f"{name} {_shown(s.value)} {s.unit}".rstrip()
        + ("" if s.quality == "ok" else f" ({s.quality})")
        for name, s in samples.items()
    ]
    print(f"{time.strftime('%H:%M:%S')}  {'   '.join(told)}", flush=True)


def _shown(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)

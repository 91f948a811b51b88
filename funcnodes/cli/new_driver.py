"""`funcnodes device new-driver`: a package with a driver, its simulator and their tests.

What is written passes its own tests, ruff and mypy as it stands, so that each change begins from
something that works.
"""

import asyncio
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from funcnodes.cli.opening import OWNER, locks
from funcnodes.cli.output import Json, print_json

if TYPE_CHECKING:
    from funcnodes.devices.discovery import Identified
    from funcnodes.settings import Settings

LONGEST = {"maker": 32, "model": 24}
LONGEST_MODULE = 50  # so that no line of the package becomes too long
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/()+&-]*", re.ASCII)
_DRIVER = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+", re.ASCII)
_NO_ADDRESS = "tcp:192.168.1.20:5025"

FILES = {
    "pyproject.toml.in": "pyproject.toml",
    "README.md.in": "README.md",
    "init.py.in": "@MODULE@/__init__.py",
    "driver.py.in": "@MODULE@/driver.py",
    "simulator.py.in": "@MODULE@/simulator.py",
    "test_driver.py.in": "tests/test_driver.py",
    "test_simulator.py.in": "tests/test_simulator.py",
}


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What a new driver is for; names are made from it.

    Attributes:
        maker: As `*IDN?` says it.
        model: As `*IDN?` says it.
        driver: "maker.model" under which benches name it.
        address: Where one is, or an example.
        eol: The terminator it understands.
    """

    maker: str
    model: str
    driver: str
    address: str = _NO_ADDRESS
    eol: str = "\n"

    @property
    def module(self) -> str:
        return "funcnodes_" + self.driver.replace(".", "_")

    @property
    def project(self) -> str:
        return self.module.replace("_", "-")

    @property
    def class_name(self) -> str:
        words = re.findall(r"[A-Za-z0-9]+", self.model)
        name = "".join(word.capitalize() if word.isalpha() else word for word in words)
        return name if name[:1].isalpha() else f"Model{name}"

    def write(self, folder: Path) -> list[Path]:
        """Write the package into `folder`, which must not be there yet; the files."""
        from importlib.resources import files

        templates = files("funcnodes.cli") / "skeleton"
        written = []
        for source, target in FILES.items():
            path = folder / self._filled(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._filled((templates / source).read_text("utf-8")), "utf-8")
            written.append(path)
        marker = folder / self.module / "py.typed"
        marker.touch()
        return [*written, marker]

    def _filled(self, text: str) -> str:
        values = {
            "MAKER_PATTERN": _pattern(self.maker), "MODEL_PATTERN": _pattern(self.model),
            "MAKER": self.maker, "MODEL": self.model, "TITLE": f"{self.maker} {self.model}",
            "DRIVER": self.driver, "MODULE": self.module, "PROJECT": self.project,
            "CLASS": self.class_name, "ADDRESS": self.address,
            "EOL": self.eol.replace("\r", r"\r").replace("\n", r"\n"),
        }  # fmt: skip
        return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], text)


def register(device: typer.Typer) -> None:
    """Add the command to `device`."""
    device.command("new-driver")(new_driver)


def new_driver(
    ctx: typer.Context,
    maker: Annotated[str, typer.Option(help="The maker, as *IDN? says it.")] = "",
    model: Annotated[str, typer.Option(help="The model, as *IDN? says it.")] = "",
    name: Annotated[
        str, typer.Option(help="The driver's name [default: of maker and model].")
    ] = "",
    address: Annotated[str, typer.Option(help="Where one is, for the README.")] = "",
    from_: Annotated[
        str,
        typer.Option("--from", metavar="ADDRESS", help="Ask the instrument there who it is."),
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder that gets the package's folder.")] = Path("."),
    as_json: Json = False,
) -> None:
    """Write a driver's package, with a simulator and tests that pass.

    Asks for what is not given; at no terminal, maker and model have to be.
    """
    eol = "\n"
    if from_:
        found = asyncio.run(_identify(ctx.obj, from_))
        maker, model = maker or found.identity.maker, model or found.identity.model
        address, eol = address or _reached(from_, found), found.eol
    maker = _checked("maker", maker or _ask("maker"))
    model = _checked("model", model or _ask("model"))
    driver = name or f"{_slug(maker.split()[0])}.{_slug(model)}"
    if address:
        _check_address(address)
    skeleton = Skeleton(maker, model, driver, address or _NO_ADDRESS, eol)
    if not _DRIVER.fullmatch(driver) or len(skeleton.module) > LONGEST_MODULE:
        raise typer.BadParameter(
            f"--name {driver}: at most {LONGEST_MODULE - 10} small letters, digits and _ around a "
            "dot, e.g. acme.psu1"
        )
    folder = out / skeleton.project
    if folder.exists():
        raise typer.BadParameter(f"{folder} is there already.")
    try:
        files = skeleton.write(folder)
    except OSError as error:
        raise typer.BadParameter(f"{folder} cannot be written: {error.strerror}.") from error
    if as_json:
        print_json({"folder": str(folder), "driver": driver, "class": skeleton.class_name,
                    "files": [str(path) for path in files]})  # fmt: skip
        return
    print(f"{folder}: the driver {driver} for {maker} {model}, a simulator, and their tests.")
    if eol == "\r":
        print("It ends its lines in \\r: its simulator needs an input_buffer that does so, too.")
    print(f"Next: cd {folder} && pip install -e '.[dev]' && pytest")


async def _identify(settings: "Settings", address: str) -> "Identified":
    from funcnodes.devices import discovery
    from funcnodes.devices.addresses import parse

    return await discovery.identify(parse(address), locks=locks(settings), owner=OWNER)


def _reached(address: str, found: "Identified") -> str:
    """The address with what a driver does not say of itself: its line, and how replies end."""
    from funcnodes.devices.addresses import Options, TalkOptions, written_with

    said = found.options
    own = "\r" if said.talk.eol == "\r" else None  # as commands, where nothing else is said
    talk = TalkOptions(reply_eol=said.talk.reply_eol or own, encoding=said.talk.encoding)
    return written_with(address, Options(serial=said.serial, talk=talk))


def _check_address(address: str) -> None:
    from funcnodes.devices.addresses import parse
    from funcnodes.errors import AddressError

    if address.startswith("sim:"):
        return
    try:
        parse(address)
    except AddressError as error:
        raise typer.BadParameter(error.message) from error


def _ask(option: str) -> str:
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"Say --{option}, or --from ADDRESS.")
    answer: str = typer.prompt(f"{option.capitalize()}, as *IDN? says it")
    return answer


def _checked(option: str, text: str) -> str:
    text, longest = text.strip(), LONGEST[option]
    if not _NAME.fullmatch(text) or len(text) > longest:
        raise typer.BadParameter(
            f"--{option} {text[:longest]!r}: at most {longest} letters, digits, blanks, ._/()+&-"
        )
    return text


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _pattern(text: str) -> str:
    """A pattern for exactly this text."""
    return re.sub(r"([.()+])", r"\\\1", text)

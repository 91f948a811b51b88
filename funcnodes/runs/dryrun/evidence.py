"""Evidence of a dry run: its report, bound to the hash of graph, bench and limits.

Whoever approves a run may ask for it, and have it checked before the run: has anything changed
since? Its `token` is a name for this one dry run, so that an approval can be used once.
"""

import hashlib
import json
import secrets
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchFile
from funcnodes.devices.estop.latch import Latch
from funcnodes.durable import write_private
from funcnodes.errors import DeviceConnectError, RunError
from funcnodes.runs.assignments import Assignment
from funcnodes.runs.dryrun.report import DryReport

VERSION = 1
WHAT = ("graph", "bench", "limits")


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What `--evidence` writes.

    Attributes:
        token: Bound to the hashes and to this one dry run.
        nonce: What makes the token this dry run's.
        made: Seconds since the epoch.
        hashes: Of the graph with the values that were set, of the bench file, and of the limits
            that driver and bench give every member.
    """

    version: int = VERSION
    token: str
    nonce: str
    made: float
    hashes: dict[str, str]
    report: DryReport

    @classmethod
    def of(cls, report: DryReport, *, made: float) -> Self:
        """Evidence of a dry run that has just been made."""
        nonce = secrets.token_hex(16)
        hashes = report.hashes
        return cls(
            token=_token(nonce, hashes), nonce=nonce, made=made, hashes=hashes, report=report
        )

    def save(self, path: Path) -> None:
        """Write it; raises RunError where that cannot be done."""
        try:
            write_private(path, msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror}.") from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it; raises RunError where it is missing or none."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}.") from error
        except (msgspec.MsgspecError, RecursionError) as error:
            raise RunError(f"{path} is no evidence of a dry run: {error}.") from error

    def differences(self, now: dict[str, str]) -> list[str]:
        """What is no longer as it was in the dry run, in sentences; none where all is.

        Args:
            now: The hashes of what is to be run; see `hashes_of`.
        """
        if self.version != VERSION:
            return [f"The evidence has version {self.version}; this funcnodes knows {VERSION}."]
        if self.token != _token(self.nonce, self.hashes) or self.hashes != self.report.hashes:
            return ["The evidence itself was changed since the dry run."]
        return changed(self.hashes, now)


_TITLES = {"graph": "The graph", "bench": "The bench", "limits": "The limits"}


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Which of graph, bench and limits changed since a dry run, in sentences."""
    return [
        f"{_TITLES[what]} changed since the dry run."
        for what in WHAT
        if then.get(what) != now.get(what)
    ]


def hashes_of(
    data: dict[str, Any], sets: Sequence[Assignment] = (), bench: Path | None = None
) -> dict[str, str]:
    """The hashes of a graph, of the values that are set in it, and of the bench that it runs on.

    Args:
        data: The nodespace as its file has it.
        bench: The bench file; None where the graph needs none.

    Raises:
        BenchError: The bench file cannot be read.
    """
    values = sorted([each.node, each.port, each.text] for each in sets)
    found = {"graph": _hash([data, values])}
    if bench is None:
        return {**found, "bench": _hash(None), "limits": _hash(None)}
    file = BenchFile.load(bench)
    document = tomllib.loads(bench.read_text(encoding="utf-8"))
    for device in document.get("devices", {}).values():
        if isinstance(device, dict):
            device.pop("limits", None)
    unopened = Bench(file.usable, path=bench, latch=Latch(), make_transport=_refuse)
    return {**found, "bench": _hash(document), "limits": _hash(list(_limits(unopened)))}


def _limits(bench: Bench) -> Iterable[Any]:
    """The limits of every member, as its driver has them and its bench narrows them."""
    for name, device in bench.devices.items():
        if device.config.limits:  # as written, where the driver is not known before it is asked
            yield [name, sorted((key, list(pair)) for key, pair in device.config.limits.items())]
        for member, _ in device.members():
            limits = device.limits(member)
            if limits is not None:
                yield [name, member, limits.low, limits.high]


def _refuse(*_: object) -> Any:
    raise DeviceConnectError("Nothing is opened for a hash.")


def _hash(what: Any) -> str:
    text = json.dumps(what, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _token(nonce: str, hashes: dict[str, str]) -> str:
    return _hash([VERSION, nonce, [hashes.get(what, "") for what in WHAT]])

"""Binary blocks: from bytes on the line to arrays, scaled as the instrument's preamble says.

    waveform = block(
        ":WAV:DATA?", dtype="u1", unit="V",
        preamble=preamble(":WAV:PRE?", "points", "xincrement", "yincrement", "yorigin"),
        scale=lambda p: Linear(p["yincrement"], -p["yorigin"] * p["yincrement"]),
        axis=lambda p: Linear(p["xincrement"]), axis_unit="s",
    )

Preamble and data are read as one transaction, so that nobody changes the scale between them. A
block is bounded: one that announces more than `limit` bytes is refused before it is read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from funcnodes.core import clock
from funcnodes.core.values import Quality
from funcnodes.devices.declarations.members import (
    AcquisitionRole,
    Acting,
    Bound,
    Group,
    Member,
    MemberKind,
    Ready,
    Requires,
    Sample,
)
from funcnodes.devices.declarations.parsing import Missing, ReplyReader, reader
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.framing import Refused
from funcnodes.devices.transports.base import BLOCK_LIMIT
from funcnodes.errors import ReplyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from funcnodes.devices.link.talk import Talk

    FloatArray: TypeAlias = NDArray[np.float64]

PreambleValues = Mapping[str, float]
ASCII = "ascii"


@dataclass(frozen=True, slots=True)
class Linear:
    """`slope * x + intercept`."""

    slope: float
    intercept: float = 0.0


@dataclass(frozen=True, slots=True)
class Preamble:
    """Numbers that say how a block is to be read, separated by commas.

    Attributes:
        query: Command that reads them.
        names: What they are called, in order; what follows the last is ignored.
    """

    query: str
    names: tuple[str, ...]

    def parse(self, text: str) -> PreambleValues:
        """Read a reply.

        Raises:
            ReplyError: There are fewer values, or one of those named is no number.
        """
        parts = replies.without_header(text, self.query).split(",")
        if len(parts) < len(self.names):
            raise ReplyError(
                f"{replies.shown(text)} has {len(parts)} values where {len(self.names)} belong."
            )
        pairs = zip(self.names, parts, strict=False)
        return {name: replies.number(part)[0] for name, part in pairs if name != "_"}


def preamble(query: str, *names: str) -> Preamble:
    """Declare a block's preamble; "_" stands for a value that is not used."""
    return Preamble(query, names)


@dataclass(frozen=True, slots=True)
class Trace:
    """What one block gave.

    Attributes:
        y: Its values, scaled.
        x: Where they were taken, where the driver says so.
        unit: Of `y`.
        x_unit: Of `x`.
        quality: The first that is not ok, of values that are no number.
    """

    y: "FloatArray"
    x: "FloatArray | None"
    unit: str = ""
    x_unit: str = ""
    quality: Quality = "ok"


@dataclass(slots=True, kw_only=True)
class Block(Member, Acting["BoundBlock"]):
    """Many numbers in one binary reply.

    Attributes:
        query: Command that reads them.
        before: Commands that say what is to be read and how, as part of the same transaction;
            they change nothing but what this query gives.
        dtype: How one number stands on the line, as numpy spells it without byte order: "u1",
            "i2", "f4"; "ascii" for numbers with commas between, in a line or in a block.
        byte_order: "little" or "big", for numbers of more than one byte.
        unit: Of the scaled values.
        preamble: What is read before, as part of the same transaction.
        scale: From the preamble to the scale of the values; None leaves them as they are.
        axis: From the preamble to the scale of 0, 1, 2 …: where the values were taken.
        axis_unit: Of the axis.
        points: Name of the preamble's value that says how many there must be, or "".
        parts: Names of the blocks, where several come in one reply.
        is_bare: Whether no terminator comes behind the last block. Otherwise one that does not
            come in 0.3 s is done without.
        limit: Bytes that a block may have at most.
        reader: How one number of a line of them is read.
    """

    query: str
    before: tuple[str, ...] = ()
    dtype: str = "u1"
    byte_order: str = "big"
    unit: str = ""
    preamble: Preamble | None = None
    scale: Callable[[PreambleValues], Linear] | None = None
    axis: Callable[[PreambleValues], Linear] | None = None
    axis_unit: str = ""
    points: str = ""
    parts: tuple[str, ...] = ()
    is_bare: bool = False
    limit: int = BLOCK_LIMIT
    poll: float | None = None
    reader: ReplyReader = field(default_factory=lambda: reader(float))

    def __post_init__(self) -> None:
        if self.parts and (self.dtype == ASCII or "x" in self.parts):
            raise TypeError(f"{self.query}: parts are binary blocks, none of which is called x.")

    @property
    def names(self) -> tuple[str, ...]:
        """What its blocks are called, as ports are."""
        return self.parts or ("y",)

    @property
    def kind(self) -> MemberKind:
        return "record"

    def bind(self, group: Group) -> "BoundBlock":
        return BoundBlock(group, self)

    def sent_text(self) -> str:
        describe = (self.preamble.query,) if self.preamble else ()
        return " and ".join((*self.before, *describe, self.query))

    def decode(self, data: bytes | bytearray, values: PreambleValues) -> Trace:
        """Make an array of a block's bytes.

        Raises:
            ReplyError: They are no whole number of values, or not as many as announced.
        """
        import numpy as np

        kind = np.dtype(self.dtype).newbyteorder("<" if self.byte_order == "little" else ">")
        if len(data) % kind.itemsize:
            raise ReplyError(f"{len(data)} bytes came, of which {kind.itemsize} make one value.")
        return self._trace(np.frombuffer(data, kind), values, "ok")

    def read_text(self, text: str, values: PreambleValues) -> Trace:
        """Make an array of a line of numbers; those that are none are NaN (D3).

        Raises:
            ReplyError: Something in it is no number, or there are not as many as announced.
        """
        import numpy as np

        numbers = [self.reader.read(part) for part in text.split(",")]
        quality: Quality = next((quality for _, quality in numbers if quality != "ok"), "ok")
        return self._trace(np.array([value for value, _ in numbers]), values, quality)

    def _trace(self, raw: "NDArray[Any]", values: PreambleValues, quality: Quality) -> Trace:
        import numpy as np

        if self.points and len(raw) != int(values[self.points]):
            raise ReplyError(f"{len(raw)} values came, {int(values[self.points])} were announced.")
        y = _scaled(raw, self.scale(values) if self.scale else Linear(1.0))
        x = _scaled(np.arange(len(raw)), self.axis(values)) if self.axis else None
        return Trace(y, x, self.unit, self.axis_unit, quality)


def _scaled(raw: "NDArray[Any]", by: Linear) -> "FloatArray":
    import numpy as np

    scaled: FloatArray = raw.astype(np.float64)
    scaled *= by.slope
    scaled += by.intercept
    return scaled


class BoundBlock(Bound[Block]):
    """A block of one instrument."""

    async def get(self) -> "FloatArray":
        """Read its values, scaled.

        Raises:
            ReplyError: No block came, or one that is too large or of another length than said.
        """
        return (await self.trace()).y

    async def trace(self) -> Trace:
        """Read its values, and where they were taken, of the first block; see `get`."""
        return next(iter((await self.traces()).values()))

    async def samples(self) -> dict[str, Sample]:
        """Read it, as samples by the names of the ports that carry them."""
        traces = await self.traces()
        return {name: each for part, trace in traces.items()
                for name, each in samples_of(trace, part).items()}  # fmt: skip

    async def traces(self) -> dict[str, Trace]:
        """Read every block of the reply, by name; the only one's is "y". See `get`."""
        member = self.member
        await self._check_needs()
        query = self.group.render(member.query)
        before = [self.group.render(each) for each in member.before]
        describe = self.group.render(member.preamble.query) if member.preamble else ""

        async def read(talk: "Talk") -> list[Trace]:
            for each in before:
                await talk.write(each)
            if before and (errors := await talk.errors()):
                raise Refused(*errors[0])
            values: PreambleValues = {}
            if member.preamble is not None:
                values = member.preamble.parse(await talk.query(describe))
            if member.dtype == ASCII:
                text = await talk.query_numbers(query, limit=member.limit, is_bare=member.is_bare)
                return [member.read_text(replies.without_header(text, query), values)]
            blocks = await talk.query_blocks(
                query, limit=member.limit, count=len(member.parts) or 1, is_bare=member.is_bare
            )
            return [member.decode(each, values) for each in blocks]

        found = await self.access.hold(query, read, timeout_s=member.timeout_s)
        doubted = [replace(each, quality=self.access.doubted(each.quality)) for each in found]
        return dict(zip(member.names, doubted, strict=True))


def samples_of(trace: Trace, name: str = "y") -> dict[str, Sample]:
    """A trace as samples, by the names of the ports that carry them."""
    now = clock.now()
    found = {name: Sample(trace.y, trace.unit, trace.quality, now)}
    if trace.x is not None:
        found["x"] = Sample(trace.x, trace.x_unit, "ok", now)
    return found


def block(
    query: str,
    *,
    before: tuple[str, ...] = (),
    dtype: str = "u1",
    byte_order: str = "big",
    unit: str = "",
    preamble: Preamble | None = None,
    scale: Callable[[PreambleValues], Linear] | None = None,
    axis: Callable[[PreambleValues], Linear] | None = None,
    axis_unit: str = "",
    points: str = "",
    parts: tuple[str, ...] = (),
    is_bare: bool = False,
    limit: int = BLOCK_LIMIT,
    missing: Missing | None = None,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    needs: str = "",
    role: AcquisitionRole = "",
    ready: Ready | None = None,
    poll: float | None = None,
) -> Block:
    """Declare many numbers in one binary reply; see `Block`."""
    return Block(
        query=query, before=before, dtype=dtype, byte_order=byte_order, unit=unit,
        preamble=preamble, scale=scale, axis=axis, axis_unit=axis_unit, points=points,
        parts=parts, is_bare=is_bare, limit=limit, title=title, doc=doc, source=source,
        timeout_s=timeout_s, requires=requires or {}, needs=needs,
        role=role, ready=ready, poll=poll, reader=reader(float, missing=missing),
    )  # fmt: skip

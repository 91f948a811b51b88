"""Where a value comes from: the wave it was set in, what set that off, and what it was made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funcnodes.core.running.waves import Wave
from funcnodes.core.values import NoValue, Quality

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node
    from funcnodes.core.nodes.ports import NodeInput, Port


@dataclass(frozen=True, slots=True)
class Origin:
    """One argument of the execution that gave a value.

    Attributes:
        port: Id of the input.
        value: What it held when the execution took it.
        wave: In which wave it had been set; None if it was restored, or its default.
        source: Full id of the output that is wired to it now, or "".
    """

    port: str
    value: Any
    wave: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the present value of a port came about.

    Attributes:
        port: Full id of the port.
        wave: Number of the wave, unique in this process; None if the value was restored.
        stimulus: What set it off, outermost first: labels of the wave and of those around it.
        quality: How far the value can be trusted.
        inputs: Of an output: what its node took. Of an input: the output that it came from. Empty
            where the value was set from outside, or where the node has taken others since.
    """

    port: str
    wave: int | None
    stimulus: tuple[str, ...]
    quality: Quality
    inputs: tuple[Origin, ...]


def provenance(port: "Port") -> Provenance | None:
    """Of the value that `port` has now; None while it has none."""
    if port._value is NoValue:
        return None
    origins = _of_input(port) if port.is_input else _of_output(port)  # type: ignore[arg-type]
    return Provenance(
        port=port.full_id,
        wave=port.wave.id if port.wave is not None else None,
        stimulus=tuple(reversed([wave.label for wave in _around(port.wave)])),
        quality=port.quality,
        inputs=tuple(origins),
    )


def _around(wave: Wave | None) -> Iterator[Wave]:
    while wave is not None:
        yield wave
        wave = wave.parent


def _of_input(port: "NodeInput") -> Iterator[Origin]:
    for source in port.sources:
        if source.wave is not None and source.wave is port.wave:
            yield Origin(port.id, port._value, source.wave.id, source.full_id)


def _of_output(port: "Port") -> Iterator[Origin]:
    node = port.node
    made = node.made_from(port.wave)
    if made is None:
        return
    args, waves = made
    for (port_id, value), wave in zip(_named(node, args), waves, strict=False):
        inp = node.inputs.get(port_id)
        source = inp.sources[0].full_id if inp is not None and inp.sources else ""
        yield Origin(port_id, value, wave.id if wave is not None else None, source)


def _named(node: "Node", args: Any) -> Iterator[tuple[str, Any]]:
    """The arguments by name, in the order of the parameters, NoValue for those left out."""
    for position, name in enumerate(node._names):
        yield name, args.get(name, NoValue) if isinstance(args, dict) else args[position]

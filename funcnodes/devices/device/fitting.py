"""A driver fitted to its place on a bench, and what becomes of one that cannot be.

Drivers are other people's code: whatever one raises is said of its own device, in a sentence, and
stops no other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from funcnodes.core import foreign
from funcnodes.core.types import Range
from funcnodes.devices.benchfile.file import DeviceConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.declarations.members import Access
from funcnodes.devices.declarations.requirements import Requirements
from funcnodes.devices.device.narrowing import narrowed, validity
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.framing import Refused
from funcnodes.devices.messages.replies import Identity
from funcnodes.errors import BenchError, DeviceError, RefusedError

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A driver on its bench.

    Attributes:
        instrument: The driver, acting.
        requirements: What its members require.
        limits: Of its members, as the bench narrows them.
        valid_s: For how long values of its members are believed.
    """

    instrument: Instrument
    requirements: Requirements
    limits: Mapping[str, Range]
    valid_s: Mapping[str, float]


def chosen(config: DeviceConfig) -> type[Instrument]:
    """The driver that the bench names; what stands in for one that is to be found.

    Raises:
        BenchError: Its table is wrong, or there is no such driver, or it cannot be loaded.
    """
    if config.wrong:
        raise BenchError(config.wrong, device=config.name)
    if config.driver == AUTO:
        return drivers.anything_at(config.address)
    return drivers.find(config.driver)


def fitted(kind: type[Instrument], config: DeviceConfig, access: Access) -> Fitted:
    """The driver on its bench.

    Raises:
        BenchError: The bench asks for what it does not have, or the driver itself is wrong.
    """
    try:
        return Fitted(
            kind(access), Requirements(kind), dict(narrowed(kind, config)), dict(validity(kind))
        )
    except BenchError:
        raise
    except BaseException as error:  # somebody else's code: anything can happen
        raise BenchError(
            f"The driver {config.driver!r} cannot be used: {foreign.words(error)}.",
            driver=config.driver,
        ) from error


@contextmanager
def driver_at_work(name: str) -> Iterator[None]:
    """What a driver's own code raises meanwhile becomes a failure of its device."""
    try:
        yield
    except (DeviceError, RefusedError, Refused, TimeoutError):
        raise
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        raise DeviceError(
            f"the driver {name!r} failed: {foreign.words(error)}",
            hint="It is to be mended by whoever wrote it.",
        ) from error


async def by_driver(
    name: str,
    set_up: Callable[[Talk, Identity | None], Awaitable[None]],
    talk: Talk,
    identity: Identity | None,
) -> None:
    """Set a device up, where the driver's own code is called."""
    with driver_at_work(name):
        await set_up(talk, identity)

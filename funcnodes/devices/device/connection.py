"""Where a device is, and the link to it: its address, its lease, and trying on where that fails.

Guarantees that an address is spoken to under its lease only, and that a device whose lease
somebody else holds, or whose simulator is not known yet, is tried again until it is let go of.
How to speak there is the link's, what to say first the device's.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from funcnodes.core.running.crossing import ended
from funcnodes.devices.addresses.forms import Address
from funcnodes.devices.addresses.hosts import lease_key
from funcnodes.devices.addresses.lease import Leases
from funcnodes.devices.benchfile.file import DeviceConfig
from funcnodes.devices.link.link import Link
from funcnodes.errors import DeviceConnectError, DeviceError, RefusedError

LEASE_RETRY_S = 1.0


class Connection:
    """Where a device is, and the link to it; see the module's text.

    Attributes:
        link: The link while it is connected or trying to be.
        trouble: Why there is none.
        unusable: Why there can never be one, such as a driver that cannot be loaded, or "".
    """

    def __init__(
        self,
        config: DeviceConfig,
        resources: dict[str, str],
        leases: Leases | None,
        *,
        make_link: Callable[[Address], Awaitable[Link]],
        changed: Callable[[], None],
    ) -> None:
        """Args:
        resources: What `sim:NAME` stands for.
        leases: Where leases are taken; None takes none.
        make_link: Gives the link to an address, which is leased by then.
        changed: Called when `link` or `trouble` changed.
        """
        self.link: Link | None = None
        self.trouble = "not connected"
        self.unusable = ""
        self._config = config
        self._resources = resources
        self._leases = leases
        self._make_link = make_link
        self._changed = changed
        self._address: Address | None = None
        self._let_go: Callable[[], None] | None = None  # of its lease
        self._host_key = ""  # what is locked for a host that was looked up
        self._leased_key = ""  # where the address led to when that was taken
        self._trying: asyncio.Task[None] | None = None
        self._home: asyncio.AbstractEventLoop | None = None  # the loop that it was opened in

    @property
    def replayed(self) -> bool:
        """Whether a recording answers in the instrument's place (D7)."""
        return self._config.address.startswith("replay:")

    @property
    def address_text(self) -> str:
        """Its resource string, or the address as written while that cannot be resolved."""
        return self._address.resource if self._address else self._config.address

    @property
    def who(self) -> str:
        """Name and address, for messages."""
        return f"{self._config.name} ({self.address_text})"

    def address(self) -> Address | None:
        """Its address; None while that cannot be resolved."""
        if self._address is None:
            with contextlib.suppress(DeviceError):
                return self._config.place(self._resources)
        return self._address

    def linked(self) -> Link:
        """The link.

        Raises:
            DeviceConnectError: There is none; says why.
            RefusedError: The caller is in another loop than the bench.
        """
        running = asyncio._get_running_loop()
        if running is not None and self._home is not None and running is not self._home:
            raise self._stranger(self._home)
        if self.link is None:
            raise DeviceConnectError(
                f"{self.who} is offline: {self.trouble.rstrip('.')}.",
                device=self._config.name,
                address=self.address_text,
            )
        return self.link

    def _stranger(self, home: asyncio.AbstractEventLoop) -> RefusedError:
        """Why somebody in another loop than the bench's is not let in, and what to do (T12)."""
        how = (
            "hand it over with asyncio.run_coroutine_threadsafe(…, bench.loop).result()."
            if home.is_running()
            else "that loop has ended, so open the bench again in this one."
        )
        name = self._config.name
        return RefusedError(
            f"{name} is spoken to in the loop that opened its bench: {how}", device=name
        )

    async def open(self) -> None:
        """Take the lease and connect. Tries on in the background on failure.

        Raises:
            DeviceError: It cannot be reached now; `trouble`, or the link's, says why.
        """
        if self.unusable:
            self.trouble = self.unusable
            self._changed()
            self.linked()
        if self.link is not None:
            return
        self._home = asyncio.get_running_loop()
        try:
            self._address = self._config.place(self._resources)
            self._host_key = await lease_key(self._address) if self._address.host else ""
            self.take_lease()
            self.link = await self._make_link(self._address)
        except DeviceError as error:
            self.trouble = error.message.removeprefix(f"{self.who}: ")
            self._changed()
            if self._trying is None:
                name = f"lease {self._config.name}"
                self._trying = asyncio.create_task(self._keep_trying(), name=name)
            raise
        try:
            await self.link.open()
        finally:
            self._changed()

    async def close(self, farewell: str) -> None:
        """Let go of it, with a last command where there is one. Idempotent."""
        if self._trying is not None:
            await ended(self._trying)
            self._trying = None
        link, self.link = self.link, None
        if link is not None:
            await link.close(farewell)
        if self._let_go is not None:
            self._let_go()
            self._let_go = None
        self.trouble = "disconnected"

    def take_lease(self) -> None:
        """Take the lease, or exchange it for that of the port to which the address leads now.

        A name by-id leads elsewhere after its adapter was plugged in again.
        """
        address, old = self._address, self._let_go
        assert address is not None
        if self._leases is None or self.replayed:
            return
        if old is not None and (address.is_on_bus or address.key == self._leased_key):
            return
        self._let_go = self._leases.take(address, self._config.name, key=self._host_key)
        self._leased_key = address.key
        if old is not None:
            old()

    async def _keep_trying(self) -> None:
        """Wait for somebody else's lease, or for a simulator's name, to become free or known."""
        while self.link is None:
            await asyncio.sleep(LEASE_RETRY_S)
            with contextlib.suppress(DeviceError):
                await self.open()

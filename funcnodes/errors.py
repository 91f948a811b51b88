"""Every error that funcnodes raises on purpose, as one tree.

    FuncnodesError
    ├── GraphError                    the graph cannot be like that
    │   ├── NodeConnectionError       these two ports cannot be wired
    │   │   ├── MultipleConnectionsError
    │   │   ├── SameNodeConnectionError
    │   │   └── PortMismatchError     type or dimension does not fit
    │   ├── NodeClassNotFoundError
    │   ├── PortNotFoundError
    │   ├── ValueRefusedError         a value outside type, limits or options
    │   └── SavedGraphError           a file that is no valid nodespace
    ├── UnitError                     unknown unit, or dimensions that differ
    ├── ExecutionError                something a node did
    │   ├── NodeTriggerError          its function raised (see `__cause__`)
    │   ├── InTriggerError
    │   ├── NodeCancelled
    │   ├── NodeTimeout
    │   ├── NodeProcessError        its process died, or could not take or give the values
    │   ├── StreamOverflow          more items than may wait: some were dropped
    │   └── AwaitCycleError           a node awaited itself or an ancestor
    ├── DeviceError                   something an instrument, or its wire, did
    │   ├── AddressError              not an address, or not one we may open
    │   ├── DeviceConnectError        refused, missing, no permission
    │   ├── DeviceBusyError           somebody else owns it
    │   ├── IdentityError             another model or serial number answers
    │   ├── DeviceTimeout
    │   ├── DeviceClosed              the peer ended the connection
    │   ├── ReplyError                garbage, half or oversize reply
    │   ├── InstrumentError           the instrument's own error queue
    │   ├── LimitError                a setpoint outside its limits
    │   ├── NotTakenError             what reads back is not what was set
    │   └── RecordingError            a recording of traffic that cannot be written, read, replayed
    │       └── ReplayMismatch        the replay is asked something else than was recorded
    ├── BenchError                    a bench file or a device missing from it
    ├── RefusedError                  not now: stopped, disarmed, locked, not allowed
    ├── RunError                      a run that cannot start, go on or be found
    └── WorkerError                   a worker or manager that is missing or does not answer

A message says what was asked, of whom, and what happened, in one plain sentence that can be
shown as it is. Errors carry what they are about as attributes; HTTP codes are known in `web`.
A layer may refine one of these where it is raised (`runs.records.StorageError` is a RunError).
"""

from typing import Any, ClassVar


class FuncnodesError(Exception):
    """Base of everything raised on purpose.

    Attributes:
        hint: What to try next, as one plain sentence, or "".
        context: What the error is about: names and numbers that may be shown or sent.
    """

    def __init__(self, message: str, *, hint: str = "", **context: Any) -> None:
        super().__init__(message)
        self.hint = hint
        self.context = {key: value for key, value in context.items() if value is not None}

    @property
    def message(self) -> str:
        return str(self.args[0])

    def __str__(self) -> str:
        return self.message


class GraphError(FuncnodesError):
    """The graph cannot be like that."""


class NodeConnectionError(GraphError):
    """These two ports cannot be wired."""


class MultipleConnectionsError(NodeConnectionError):
    """The input already has a wire and takes only one."""


class SameNodeConnectionError(NodeConnectionError):
    """A wire from a node to itself."""


class PortMismatchError(NodeConnectionError):
    """The type or the dimension of the two ports does not fit."""


class NodeClassNotFoundError(GraphError):
    """No library provides that node id."""


class PortNotFoundError(GraphError, KeyError):
    """The node has no port of that name."""


class ValueRefusedError(GraphError, ValueError):
    """A value outside the type, limits or options of its port."""


class SavedGraphError(GraphError):
    """A file that is no valid nodespace."""


class UnitError(FuncnodesError, ValueError):
    """An unknown unit, or two units of different dimension."""


class ExecutionError(FuncnodesError):
    """Something a node did."""


class NodeTriggerError(ExecutionError):
    """The node's function raised; the original is `__cause__`."""


class InTriggerError(ExecutionError):
    """`trigger()` on a node that is already triggered or running."""


class NodeCancelled(ExecutionError):
    """The execution was given up before it ended."""


class NodeTimeout(ExecutionError):
    """The execution took longer than it may."""


class NodeProcessError(ExecutionError):
    """The process of a function ended, or could not take its arguments or give its result."""


class StreamOverflow(ExecutionError):
    """More items came than may wait in front of a node; one was dropped."""


class AwaitCycleError(ExecutionError):
    """A node's function awaited itself or one of its ancestors."""


class DeviceError(FuncnodesError):
    """Something an instrument, or the wire to it, did.

    Attributes:
        device: Name of the device on its bench, or "".
        address: Its resource string, or "".
        command: The command that was under way, or "".
        usual_hint: What to try where whoever raised it knew nothing better.
    """

    usual_hint: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        device: str = "",
        address: str = "",
        command: str = "",
        hint: str = "",
        **context: Any,
    ) -> None:
        super().__init__(message, hint=hint or self.usual_hint, **context)
        self.device = device
        self.address = address
        self.command = command


class AddressError(DeviceError):
    """Not an address, or not one that may be opened."""


class DeviceConnectError(DeviceError):
    """Refused, missing, or no permission."""

    usual_hint = "Is it switched on, and is its cable plugged in?"


class DeviceBusyError(DeviceError):
    """Somebody else owns the device."""


class IdentityError(DeviceError):
    """Another model or serial number answers at the address."""

    usual_hint = "Check the address; if it was exchanged on purpose, change the bench file."


class DeviceTimeout(DeviceError):
    """No answer in time."""

    usual_hint = "Is it switched on, and does it speak at this speed and with this terminator?"


class DeviceClosed(DeviceError):
    """The peer ended the connection, or it is not open."""

    usual_hint = "It is opened anew by itself; does another program speak to it, too?"


class ReplyError(DeviceError):
    """A garbled, incomplete or oversize reply."""

    usual_hint = "Look at the device's traffic; speed, parity or driver may not fit."


class InstrumentError(DeviceError):
    """The instrument put an error into its own queue.

    Attributes:
        code: The instrument's number, negative ones as SCPI-99 lists them.
    """

    usual_hint = "The instrument's manual lists what the number means."

    def __init__(self, message: str, *, code: int, **context: Any) -> None:
        super().__init__(message, **context)
        self.code = code


class LimitError(DeviceError, ValueError):
    """A setpoint outside the limits of its parameter."""

    usual_hint = "Limits are the driver's, narrowed by the bench file."


class NotTakenError(DeviceError):
    """What was set reads back as something else; `context` has `wanted` and `found`."""

    usual_hint = "Is it locked, in local control, or limited by another of its settings?"


class RecordingError(DeviceError):
    """A recording of traffic that cannot be written or read, or has nothing to answer."""


class ReplayMismatch(RecordingError):
    """A replay was told something else than the recording holds; the message says both."""


class BenchError(FuncnodesError):
    """A bench file that cannot be used, or a device missing from the bench."""


class RefusedError(FuncnodesError):
    """Not now, or not you: stopped by E-STOP, disarmed, locked by a run, or not allowed."""


class RunError(FuncnodesError):
    """A run that cannot start, go on or be found."""


class WorkerError(FuncnodesError):
    """A worker or manager that is missing, or does not answer."""

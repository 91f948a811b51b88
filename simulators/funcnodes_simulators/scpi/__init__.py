"""A sans-I/O core of SCPI and IEEE 488.2: messages in, responses and waiting times out.

Knows no instrument and no wire. Instruments declare headers with typed parameters on a
`ScpiInterpreter`; a server feeds it the messages that a `LineBuffer` cuts from a byte stream.
"""

from funcnodes_simulators.scpi.errors import ErrorQueue, ScpiError
from funcnodes_simulators.scpi.interpreter import Execution, ScpiInterpreter, definite_block
from funcnodes_simulators.scpi.messages import LineBuffer, Overrun
from funcnodes_simulators.scpi.parameters import (
    INFINITY,
    NOT_A_NUMBER,
    Boolean,
    Choice,
    Integer,
    ListOf,
    Number,
    Optional,
    QuotedChoice,
    String,
)

__all__ = [
    "INFINITY",
    "NOT_A_NUMBER",
    "Boolean",
    "Choice",
    "ErrorQueue",
    "Execution",
    "Integer",
    "LineBuffer",
    "ListOf",
    "Number",
    "Optional",
    "Overrun",
    "QuotedChoice",
    "ScpiError",
    "ScpiInterpreter",
    "String",
    "definite_block",
]

"""A sans-I/O core of SCPI and IEEE 488.2: messages in, responses and waiting times out.

Knows no instrument and no line. Instruments declare headers with typed parameters on a
`ScpiInterpreter`; a server feeds it the messages that a `LineBuffer` cuts from a byte stream.
"""

from funcnodes_simulators.scpi.blocks import Block, definite_block, indefinite_block
from funcnodes_simulators.scpi.errors import ErrorQueue, ScpiError
from funcnodes_simulators.scpi.interpreter import Execution, Memory, ScpiInterpreter
from funcnodes_simulators.scpi.messages import LineBuffer, Overrun
from funcnodes_simulators.scpi.parameters import (
    INFINITY,
    NOT_A_NUMBER,
    Boolean,
    ChannelList,
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
    "Block",
    "Boolean",
    "ChannelList",
    "Choice",
    "ErrorQueue",
    "Execution",
    "Integer",
    "LineBuffer",
    "ListOf",
    "Memory",
    "Number",
    "Optional",
    "Overrun",
    "QuotedChoice",
    "ScpiError",
    "ScpiInterpreter",
    "String",
    "definite_block",
    "indefinite_block",
]

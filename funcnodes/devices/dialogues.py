"""A first test for a driver, under the name by which programs know it."""

from funcnodes.devices.declarations.dialogues import (
    NO_ERROR,
    SERIAL,
    connect_lines,
    dialogue_skeleton,
    example,
    example_identity,
    member_lines,
    rendered,
)

__all__ = [
    "NO_ERROR", "SERIAL", "connect_lines", "dialogue_skeleton", "example", "example_identity",
    "member_lines", "rendered",
]  # fmt: skip

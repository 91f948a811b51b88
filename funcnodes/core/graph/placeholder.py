"""Placeholders: what stands for a node whose class is missing, and keeps every byte of it."""

from collections.abc import Mapping
from typing import Any

from funcnodes.core.codec.strict import section
from funcnodes.core.nodes import older
from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.node import Node
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.port import TRIGGER_IN, TRIGGER_OUT


class PlaceholderNode(Node):
    """Stands for a node whose class is missing, and keeps every byte of it and its edges."""

    description = "The package that provides this node is not installed here."
    is_frame = True  # what it holds must not run without it

    def __init__(self, data: Mapping[str, Any], why: str) -> None:
        super().__init__(uuid=str(data["id"]), name=str(data.get("name") or ""))
        self.data = dict(data)
        self.why = why
        self.properties = older.properties(section(data, "properties"))
        self.properties_read = dict(self.properties)
        self._muted = True
        for port_id, io in section(data, "io").items():
            if isinstance(io, Mapping) and port_id not in (TRIGGER_IN, TRIGGER_OUT):
                self._port(port_id, bool(io.get("is_input", True)))

    def func(self) -> None:
        """Never called: it is muted."""

    def check_run(self) -> list[str]:
        return [f"{self.name}: {self.why}"]

    def input_for(self, port_id: str) -> NodeInput:
        return self.inputs.get(port_id) or self.add_input(NodeInput(port_id, required=False))

    def output_for(self, port_id: str) -> NodeOutput:
        return self.outputs.get(port_id) or self.add_output(NodeOutput(port_id))

    def _kept_form(self) -> dict[str, Any]:
        place = {} if self.place is None else {"frame": self.place.dump()}
        kept = {**self.data, **place}
        if self.name != str(self.data.get("name") or PlaceholderNode.__name__):
            kept["name"] = self.name
        changed = self.properties != self.properties_read
        return {**kept, "properties": self.properties} if changed else kept

    def _port(self, port_id: str, is_input: bool) -> None:
        _ = self.input_for(port_id) if is_input else self.output_for(port_id)

"""The examples that come with funcnodes, as the start page offers them."""

import json
from functools import cache
from importlib import resources
from typing import Any

from funcnodes.errors import SavedGraphError
from funcnodes.workers import schema

FIRST = "diode_iv"


@cache
def example_views() -> tuple[schema.ExampleView, ...]:
    """Every example, the one for the first minute first."""
    found = [_view(name, data) for name, data in _all().items()]
    return tuple(sorted(found, key=lambda each: (each.name != FIRST, each.title)))


def example(name: str) -> dict[str, Any]:
    """The saved form of an example.

    Raises:
        SavedGraphError: There is none of that name.
    """
    data = _all().get(name)
    if data is None:
        raise SavedGraphError(f"There is no example named {name!r}.")
    return data


@cache
def _all() -> dict[str, dict[str, Any]]:
    folder = resources.files("funcnodes").joinpath("examples")
    if not folder.is_dir():
        return {}
    return {
        entry.name.removesuffix(".json"): json.loads(entry.read_bytes())
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    }


def _view(name: str, data: dict[str, Any]) -> schema.ExampleView:
    about = data.get("prop") or {}
    nodes = data.get("nodes") or []
    devices = {node.get("device") for node in nodes if node.get("device")}
    seconds = about.get("about_s")
    return schema.ExampleView(
        name=name,
        title=str(data.get("title") or name),
        doc=str(about.get("doc") or about.get("description") or ""),
        bench=str((data.get("requires") or {}).get("bench") or ""),
        nodes=len(nodes),
        devices=len(devices),
        about_s=float(seconds) if isinstance(seconds, int | float) else None,
    )

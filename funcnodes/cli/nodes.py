"""`funcnodes nodes …`: what can be put into a nodespace here, and what each takes and gives."""

import textwrap
from typing import Annotated, Any

import typer

from funcnodes.cli.output import Json, print_json, width
from funcnodes.errors import NodeClassNotFoundError

NodeId = Annotated[str, typer.Argument(help="Id of the node, as `nodes list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    nodes = typer.Typer(
        help="List nodes, show what one does.", no_args_is_help=True, rich_markup_mode=None
    )
    nodes.command("list")(list_nodes)
    nodes.command("show")(show)
    app.add_typer(nodes, name="nodes")


def list_nodes(as_json: Json = False) -> None:
    """List the nodes by shelf; packages that cannot be loaded come last."""
    library = _library()
    if as_json:
        nodes = [_entry(path, nodeclass) for path, nodeclass in library.walk()]
        print_json({"nodes": nodes, "broken": library.broken})
        return
    shelves: dict[tuple[str, ...], list[Any]] = {}
    for path, nodeclass in library.walk():
        shelves.setdefault(path, []).append(nodeclass)
    column = max((len(c.node_id) for found in shelves.values() for c in found), default=0)
    for path in sorted(shelves):
        print(" / ".join(path) or "(no shelf)")
        for nodeclass in shelves[path]:
            line = f"  {nodeclass.node_id.ljust(column)}  {_first_line(nodeclass)}".rstrip()
            print(line if len(line) <= width(160) else f"{line[: width(160) - 1]}…")
    _print_broken(library)


def show(node_id: NodeId, as_json: Json = False) -> None:
    """Show a node's ports with type, unit and limits, and what is said of them."""
    library = _library()
    found = [entry for entry in library.walk() if entry[1].node_id == node_id]
    if not found:
        near = [c.node_id for _, c in library.walk() if node_id.lower() in c.node_id.lower()]
        hint = f"Did you mean {', '.join(near[:3])}?" if near else "See `funcnodes nodes list`."
        raise NodeClassNotFoundError(f"There is no node {node_id!r} here.", hint=hint)
    shown = _entry(*found[0])
    if as_json:
        print_json({**shown, "broken": library.broken})
        return
    print(f"{shown['name']}  ({' / '.join(shown['shelf'])})")
    print(f"id: {shown['node_id']}")
    if shown["description"]:
        print(textwrap.indent(f"\n{shown['description']}\n", "  "))
    for title in ("inputs", "outputs"):
        if shown[title]:
            print(title.capitalize())
            for port in shown[title]:
                print(f"  {_port_line(port)}")
    _print_broken(library)


def _library() -> Any:
    from funcnodes.core import Library

    return Library.installed()


def _entry(path: tuple[str, ...], nodeclass: Any) -> dict[str, Any]:
    ports = nodeclass._templates.values()
    return {
        "node_id": nodeclass.node_id,
        "name": nodeclass.node_name or nodeclass.__name__,
        "shelf": list(path),
        "description": nodeclass.description,
        "inputs": [_port(port) for port in ports if port.is_input],
        "outputs": [_port(port) for port in ports if not port.is_input],
    }


def _port(port: Any) -> dict[str, Any]:
    from funcnodes.core.codec import to_json
    from funcnodes.core.previews import preview
    from funcnodes.core.values import NoValue

    limits = port.limits
    found = {
        "id": port.id,
        "name": port.name,
        "type": port.type.name,
        "kind": port.type.kind,
        "unit": port.unit,
        "min": to_json(limits.low),
        "max": to_json(limits.high),
        "step": to_json(port.value_options.get("step")),
        "options": [preview(option) for option in port.options],
        "description": port.description,
    }
    if port.is_input:
        given = port.default is not NoValue
        found |= {"required": port.required, "default": preview(port.default) if given else None}
    return found


def _port_line(port: dict[str, Any]) -> str:
    """Name, type, unit, limits, default, words: what there is of it."""
    from funcnodes.core.types import Range

    parts = [port["id"], port["type"]]
    if port["unit"]:
        parts.append(f"in {port['unit']}")
    if port["min"] is not None or port["max"] is not None:
        parts.append(Range(port["min"], port["max"]).text(port["unit"]))
    if port["step"] is not None:
        parts.append(f"in steps of {port['step']}")
    if port["options"]:
        parts.append(f"one of {', '.join(map(str, port['options']))}")
    if port.get("default") is not None:
        parts.append(f"default {port['default']}")
    elif port.get("required"):
        parts.append("required")
    line = f"{parts[0]}: {', '.join(parts[1:])}"
    return f"{line}. {port['description']}" if port["description"] else line


def _first_line(nodeclass: Any) -> str:
    return str(nodeclass.description).strip().partition("\n")[0]


def _print_broken(library: Any) -> None:
    if library.broken:
        print("\nCannot be loaded")
        for name, why in library.broken.items():
            print(f"  {name}: {why}")

"""Edits of a nodespace, each a command with an inverse, and what makes one of what people ask for.

The rooms follow the kinds of edit: `nodes`, `edges`, `values`, `attributes`, `canvas`, `frames` and
`subgraphs`. `edit` says what one is, `editor` keeps them in order, `scopes` names what is inside
subgraphs; `by_hand` says what an edit acts on, `revisions` when it comes too late.
"""

from funcnodes.workers.edits.attributes import rename, set_flags, set_plot, set_policy
from funcnodes.workers.edits.by_hand import run_by_hand
from funcnodes.workers.edits.canvas import move_nodes, place_of
from funcnodes.workers.edits.edges import connect, disconnect
from funcnodes.workers.edits.edit import Edit, SeveralEdits, inside
from funcnodes.workers.edits.editor import Editor
from funcnodes.workers.edits.frames import put_in
from funcnodes.workers.edits.nodes import add_node, duplicate, remove_nodes
from funcnodes.workers.edits.revisions import (
    LastChange,
    Revisions,
    StaleRevision,
    Thing,
    things_of,
    wholly,
)
from funcnodes.workers.edits.subgraphs import (
    as_subgraph,
    demote,
    into_subgraph,
    promote,
    remove,
    saved_as,
    take_apart,
    update_subgraph,
)
from funcnodes.workers.edits.values import reaches_effect, set_value

__all__ = [
    "Edit",
    "Editor",
    "LastChange",
    "Revisions",
    "SeveralEdits",
    "StaleRevision",
    "Thing",
    "add_node",
    "as_subgraph",
    "connect",
    "demote",
    "disconnect",
    "duplicate",
    "inside",
    "into_subgraph",
    "move_nodes",
    "place_of",
    "promote",
    "put_in",
    "reaches_effect",
    "remove",
    "remove_nodes",
    "rename",
    "run_by_hand",
    "saved_as",
    "set_flags",
    "set_plot",
    "set_policy",
    "set_value",
    "take_apart",
    "things_of",
    "update_subgraph",
    "wholly",
]

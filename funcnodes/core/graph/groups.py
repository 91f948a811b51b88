"""Groups: which nodes a person has put together. They mean nothing to the engine.

A node is in one group at most; groups may be inside one another. A group that has neither nodes
nor groups is gone.
"""

import uuid as _uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from funcnodes.errors import GraphError, SavedGraphError


@dataclass(slots=True)
class NodeGroup:
    """One group.

    Attributes:
        node_ids: The nodes right in it, in the order in which they came.
        child_groups: The groups right in it.
        parent_group: The group it is in, or None.
        meta: Free data that is saved with it, such as a title and a colour.
    """

    node_ids: list[str] = field(default_factory=list)
    child_groups: list[str] = field(default_factory=list)
    parent_group: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


class NodeGroups:
    """The groups of one nodespace, by id."""

    def __init__(self, has_node: Callable[[str], bool], check: Callable[[], None]) -> None:
        self._groups: dict[str, NodeGroup] = {}
        self._has_node = has_node
        self._check = check  # raises while a run holds the structure

    def __len__(self) -> int:
        return len(self._groups)

    def __contains__(self, group_id: str) -> bool:
        return group_id in self._groups

    def get_group(self, group_id: str) -> NodeGroup | None:
        return self._groups.get(group_id)

    def get_all_groups(self) -> dict[str, NodeGroup]:
        return dict(self._groups)

    def find_group_of_node(self, node_id: str) -> str | None:
        """The group that the node is right in."""
        return next((g for g, group in self._groups.items() if node_id in group.node_ids), None)

    def get_group_ancestors(self, group_id: str) -> list[str]:
        """The groups around it, the nearest first."""
        found = []
        parent = self._group(group_id).parent_group
        while parent is not None:
            found.append(parent)
            parent = self._group(parent).parent_group
        return found

    # ── changing ──────────────────────────────────────────────────────────────────────────

    def add_group(
        self,
        group_id: str | None = None,
        node_ids: Iterable[str] = (),
        parent_group: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> str:
        """Make a group; its nodes leave the groups they were in.

        Returns:
            Its id.

        Raises:
            GraphError: The id is taken, or a node or the parent does not exist.
            RefusedError: A run is on.
        """
        self._check()
        group_id = group_id or _uuid.uuid4().hex
        if group_id in self._groups:
            raise GraphError(f"There is already a group {group_id!r} here.")
        node_ids = self._known(node_ids)
        if parent_group is not None:
            self._group(parent_group)
        self._groups[group_id] = NodeGroup(meta=dict(meta or {}))
        if parent_group is not None:
            self.set_group_parent(group_id, parent_group)
        if node_ids:
            self.add_nodes_to_group(group_id, node_ids)
        return group_id

    def group_together(
        self,
        node_ids: Iterable[str] = (),
        group_ids: Iterable[str] = (),
        new_group_id: str | None = None,
    ) -> str:
        """Put nodes and groups into a new group; it lies where all of them lay, or outermost.

        Raises:
            GraphError: There is nothing to put together, or something does not exist.
        """
        nodes, groups = self._known(node_ids), list(dict.fromkeys(group_ids))
        if not nodes and not groups:
            raise GraphError("There is nothing to group.")
        places = {self.find_group_of_node(node) for node in nodes}
        places |= {self._group(group).parent_group for group in groups}
        parent = places.pop() if len(places) == 1 else None
        group_id = self.add_group(new_group_id, (), parent)
        for group in groups:
            self.set_group_parent(group, group_id)
        if nodes:
            self.add_nodes_to_group(group_id, nodes)
        return group_id

    def add_nodes_to_group(self, group_id: str, node_ids: Iterable[str]) -> None:
        """Put nodes into a group; they leave the ones they were in."""
        self._check()
        group, nodes = self._group(group_id), self._known(node_ids)
        for node in nodes:
            before = self.find_group_of_node(node)
            if before is not None and before != group_id:
                self._groups[before].node_ids.remove(node)
            if before != group_id:
                group.node_ids.append(node)
        self._drop_empty(keep=group_id)

    def remove_nodes_from_group(self, group_id: str, node_ids: Iterable[str]) -> None:
        """Take nodes out of it."""
        self._check()
        gone = set(node_ids)
        group = self._group(group_id)
        group.node_ids = [node for node in group.node_ids if node not in gone]
        self._drop_empty()

    def ungroup_nodes(self, node_ids: Iterable[str]) -> None:
        """Take nodes out of whatever groups they are in."""
        for node in node_ids:
            group_id = self.find_group_of_node(node)
            if group_id is not None:
                self.remove_nodes_from_group(group_id, [node])

    def remove_group(self, group_id: str, recursive: bool = False) -> None:
        """Dissolve a group; what was in it comes to lie in its parent.

        Args:
            recursive: Dissolve the groups in it too.
        """
        self._check()
        group = self._group(group_id)
        if recursive:
            for child in list(group.child_groups):
                self.remove_group(child, recursive=True)
        parent = self._groups.get(group.parent_group or "")
        for child in group.child_groups:
            self._groups[child].parent_group = group.parent_group
        if parent is not None:
            parent.child_groups = [c for c in parent.child_groups if c != group_id]
            parent.child_groups += group.child_groups
            parent.node_ids += group.node_ids
        del self._groups[group_id]
        self._drop_empty()

    def set_group_meta(self, group_id: str, meta: Mapping[str, Any]) -> None:
        """Replace its free data."""
        self._group(group_id).meta = dict(meta)

    def set_group_parent(self, child_id: str, parent_id: str | None) -> None:
        """Put a group into another, or outermost.

        Raises:
            GraphError: One does not exist, or the child would lie in itself.
        """
        self._check()
        child = self._group(child_id)
        if parent_id is not None:
            self._group(parent_id)
            if child_id in (parent_id, *self.get_group_ancestors(parent_id)):
                raise GraphError(f"The group {child_id!r} cannot lie in itself.")
        before = self._groups.get(child.parent_group or "")
        if before is not None:
            before.child_groups.remove(child_id)
        child.parent_group = parent_id
        if parent_id is not None:
            self._groups[parent_id].child_groups.append(child_id)
        self._drop_empty(keep=child_id)

    def node_removed(self, node_id: str) -> None:
        """The node is gone from the nodespace."""
        for group in self._groups.values():
            if node_id in group.node_ids:
                group.node_ids.remove(node_id)
                self._drop_empty()
                return

    # ── saving ────────────────────────────────────────────────────────────────────────────

    def serialize(self) -> dict[str, Any]:
        """All groups, ready for JSON where their free data is."""
        return {
            group_id: {
                "node_ids": list(group.node_ids),
                "child_groups": list(group.child_groups),
                "parent_group": group.parent_group,
                "meta": dict(group.meta),
            }
            for group_id, group in self._groups.items()
        }

    def deserialize(self, data: Any) -> None:
        """Replace all groups by saved ones; members that do not exist are left out.

        Raises:
            SavedGraphError: It is no set of groups, or one lies in itself; nothing has changed.
        """
        if not isinstance(data, Mapping):
            raise SavedGraphError("'groups' in the file is not an object.")
        fresh: dict[str, NodeGroup] = {}
        placed: set[str] = set()
        for group_id, saved in data.items():
            if not isinstance(saved, Mapping):
                raise SavedGraphError(f"The group {group_id!r} in the file is not an object.")
            nodes = [n for n in _texts(saved, "node_ids") if self._has_node(n) and n not in placed]
            placed.update(nodes)
            meta = saved.get("meta")
            fresh[group_id] = NodeGroup(nodes, meta=dict(meta) if isinstance(meta, dict) else {})
        for group_id, saved in data.items():
            for child in _texts(saved, "child_groups"):
                if child in fresh and fresh[child].parent_group is None:
                    fresh[child].parent_group = group_id
                    fresh[group_id].child_groups.append(child)
        for group_id in fresh:
            _refuse_circle(group_id, fresh)
        self._groups = fresh
        self._drop_empty()

    def _group(self, group_id: str) -> NodeGroup:
        try:
            return self._groups[group_id]
        except KeyError:
            raise GraphError(f"There is no group {group_id!r} in this nodespace.") from None

    def _known(self, node_ids: Iterable[str]) -> list[str]:
        found = list(dict.fromkeys(node_ids))
        for node in found:
            if not self._has_node(node):
                raise GraphError(f"There is no node {node!r} in this nodespace.", node=node)
        return found

    def _drop_empty(self, keep: str | None = None) -> None:
        while True:
            spare = {keep, *self.get_group_ancestors(keep)} if keep in self._groups else set()
            empty = [
                group_id
                for group_id, group in self._groups.items()
                if not group.node_ids and not group.child_groups and group_id not in spare
            ]
            if not empty:
                return
            for group_id in empty:
                parent = self._groups.get(self._groups.pop(group_id).parent_group or "")
                if parent is not None:
                    parent.child_groups.remove(group_id)


def _texts(saved: Mapping[str, Any], key: str) -> list[str]:
    found = saved.get(key) or []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise SavedGraphError(f"{key!r} of a group in the file is not a list of names.")
    return list(dict.fromkeys(found))


def _refuse_circle(group_id: str, groups: Mapping[str, NodeGroup]) -> None:
    seen, parent = {group_id}, groups[group_id].parent_group
    while parent is not None:
        if parent in seen:
            raise SavedGraphError(f"The group {group_id!r} in the file lies in itself.")
        seen.add(parent)
        parent = groups[parent].parent_group

"""Objects whose methods are nodes: every instance has node classes of its own.

    class Stage(NodeClassMixin):
        NODECLASSID = "stage"

        @instance_nodefunction()
        def position(self) -> float:
            return self.where

        @position.triggers
        def move(self, to: float) -> None:
            self.where = to

    stage = Stage()
    node = stage.get_nodeclass("position")()

A node class keeps its object alive, and goes with it: nothing here holds either.
"""

import functools
import inspect
import uuid as _uuid
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, cast
from weakref import WeakSet

from funcnodes.core.nodes.node import Node, register_weakly
from funcnodes.core.nodes.nodemaker import node_class_maker
from funcnodes.errors import GraphError

Function = Callable[..., Any]


class InstanceNodeFunction:
    """A method that can also be used as a node."""

    def __init__(
        self, function: Function, trigger_on_call: bool | None, settings: dict[str, Any]
    ) -> None:
        self.__doc__ = function.__doc__
        self.function = function
        self.trigger_on_call = bool(trigger_on_call)
        self.settings = settings
        self.name = function.__name__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: "NodeClassMixin | None", owner: type) -> Any:
        if instance is None:
            return self
        bound = self.function.__get__(instance, owner)
        return _then_triggering(bound, instance, [self.name]) if self.trigger_on_call else bound

    def triggers(self, function: Function) -> Function:
        """Decorate another method: after each call the nodes of this one are asked to run."""
        name = self.name
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_and_wait(self: NodeClassMixin, *args: Any, **kwargs: Any) -> Any:
                result = await function(self, *args, **kwargs)
                self.request_trigger(name)
                return result

            return call_and_wait

        @functools.wraps(function)
        def call(self: NodeClassMixin, *args: Any, **kwargs: Any) -> Any:
            result = function(self, *args, **kwargs)
            self.request_trigger(name)
            return result

        return call


def instance_nodefunction(
    trigger_on_call: bool | None = None, **settings: Any
) -> Callable[[Function], InstanceNodeFunction]:
    """Make a method of a `NodeClassMixin` a node of each instance; it stays a method.

    Args:
        trigger_on_call: Whether calling the method asks its nodes to run.
        settings: What `NodeDecorator` takes: `name`, `description`, `outputs`, ….
    """

    def decorate(function: Function) -> InstanceNodeFunction:
        return InstanceNodeFunction(function, trigger_on_call, settings)

    return decorate


class NodeClassMixin:
    """Gives each instance a node class per method that is decorated.

    Attributes:
        NODECLASSID: Identity of the class in saved files; never change it.
        IS_ABSTRACT: A class that says so for itself is not to have nodes.
    """

    NODECLASSID: ClassVar[str] = ""
    IS_ABSTRACT: ClassVar[bool] = True

    _uuid: str | None = None
    _nodeclasses: dict[str, type[Node]] | None = None
    _nodes: "dict[str, WeakSet[Node]]"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "IS_ABSTRACT" not in vars(cls):
            cls.IS_ABSTRACT = False
        if not cls.IS_ABSTRACT and not cls.NODECLASSID:
            raise GraphError(f"{cls.__name__} needs a NODECLASSID, or IS_ABSTRACT = True.")

    @property
    def uuid(self) -> str:
        """Identity of the instance in saved files: set it once, before its nodes are used."""
        if self._uuid is None:
            self._uuid = _uuid.uuid4().hex
        return self._uuid

    @uuid.setter
    def uuid(self, uuid: str) -> None:
        if self._uuid is not None and self._uuid != uuid:
            raise GraphError(f"{type(self).__name__} already has the uuid {self._uuid!r}.")
        self._uuid = uuid

    @classmethod
    def get_all_nodefunctions(cls) -> dict[str, InstanceNodeFunction]:
        """The decorated methods by name."""
        names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
        found = {name: inspect.getattr_static(cls, name) for name in names}
        return {n: f for n, f in found.items() if isinstance(f, InstanceNodeFunction)}

    def create_nodes(self) -> None:
        """Make the node classes now, rather than when the first is asked for.

        Raises:
            GraphError: The class is abstract.
        """
        if self._nodeclasses is not None:
            return
        if self.IS_ABSTRACT:
            raise GraphError(f"{type(self).__name__} is abstract: it has no nodes.")
        self._nodes = {}
        self._nodeclasses = {
            name: self._make(name, function)
            for name, function in self.get_all_nodefunctions().items()
        }

    def get_nodeclass(self, method: str) -> type[Node]:
        """The node class of that method.

        Raises:
            GraphError: It is none, or is not decorated.
        """
        self.create_nodes()
        found = (self._nodeclasses or {}).get(method)
        if found is None:
            known = ", ".join(self._nodeclasses or ()) or "none"
            raise GraphError(
                f"{type(self).__name__} has no node function {method!r}; it has {known}."
            )
        return found

    def get_all_nodeclasses(self) -> list[type[Node]]:
        """The node classes of this instance."""
        self.create_nodes()
        return list((self._nodeclasses or {}).values())

    def get_nodes(self, method: str) -> list[Node]:
        """The nodes there are of that method."""
        self.get_nodeclass(method)
        return list(self._nodes.get(method, ()))

    def get_all_nodes(self) -> list[Node]:
        """The nodes there are of this instance."""
        return list(self._each_node())

    def request_trigger(self, method: str) -> None:
        """Ask the nodes of that method to run."""
        if self._nodeclasses is not None:
            for node in self.get_nodes(method):
                node.request_trigger()

    def _each_node(self) -> Iterator[Node]:
        for nodes in (self._nodes if self._nodeclasses is not None else {}).values():
            yield from nodes

    def _make(self, name: str, function: InstanceNodeFunction) -> type[Node]:
        bound = function.function.__get__(self, type(self))
        settings = {"name": name.replace("_", " ").capitalize(), **function.settings}
        made = node_class_maker(bound, **settings, node_id="")
        nodes = self._nodes[name] = WeakSet()
        base_init = cast(Any, made).__init__

        def __init__(node: Node, *args: Any, **kwargs: Any) -> None:
            base_init(node, *args, **kwargs)
            nodes.add(node)

        cast(Any, made).__init__ = __init__
        made.node_id = f"{self.NODECLASSID}.{self.uuid}.{name}"
        register_weakly(made)
        return made


def _then_triggering(bound: Function, instance: NodeClassMixin, names: list[str]) -> Function:
    if inspect.iscoroutinefunction(bound):

        @functools.wraps(bound)
        async def call_and_wait(*args: Any, **kwargs: Any) -> Any:
            result = await bound(*args, **kwargs)
            for name in names:
                instance.request_trigger(name)
            return result

        return call_and_wait

    @functools.wraps(bound)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = bound(*args, **kwargs)
        for name in names:
            instance.request_trigger(name)
        return result

    return call

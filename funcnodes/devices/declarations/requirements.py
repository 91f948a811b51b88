"""What must hold on an instrument so that its members mean what they say (`requires=`, D8).

Known are the members that must be read for it, whether each requirement holds by what was read
last, and the sentence where one does not. Asks no instrument.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.declarations.members import Member, Requires, Sample
from funcnodes.devices.declarations.records import Record
from funcnodes.devices.declarations.values import Value
from funcnodes.errors import BenchError

Newest = Callable[[str], Sample | None]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that must hold.

    Attributes:
        path: Full name of the member that says whether it does.
        member: Its declaration.
        wanted: The labels of which it must hold one.
    """

    path: str
    member: Value[Any]
    wanted: tuple[Any, ...]

    def why_not(self, newest: Newest) -> str:
        """Half a sentence, "source function is current, not voltage"; "" where it holds."""
        sample = newest(self.path)
        if (
            sample is not None
            and sample.quality in ("ok", "changed")
            and sample.value in self.wanted
        ):
            return ""
        title = self.member.title.lower()
        if sample is None:
            return f"nobody knows what {title} is"
        wanted = " or ".join(self.member.exactly(each) for each in self.wanted)
        return f"{title} is {self.member.exactly(sample.value)}, not {wanted}"


class Requirements:
    """What the members of a driver require, by full name of the member."""

    def __init__(self, kind: type[Instrument]) -> None:
        """Raises BenchError where a driver names a member that it does not have."""
        members = dict(kind.walk())
        self._by_member: dict[str, tuple[Requirement, ...]] = {}
        self._put_out = [
            path for path, m in members.items() if isinstance(m, Control) and not m.is_setting
        ]
        fields = dict(_fields(members))
        own = [*((path, member.requires) for path, member in members.items()), *fields.items()]
        said = set(kind.spec.requires) | {
            _full(path, name, members, kind) for path, wanted in own for name in wanted
        }
        for path, member in members.items():
            wanted = dict(member.requires)
            is_setting = isinstance(member, Control) and member.is_setting
            if path not in said and not is_setting:
                wanted = {**kind.spec.requires, **wanted}
            found = tuple(_requirement(path, n, w, members, kind) for n, w in wanted.items())
            if found:
                self._by_member[path] = found
        for path, asked in fields.items():  # beside what their record requires
            self._by_member[path] = tuple(
                _requirement(path, n, w, members, kind) for n, w in asked.items()
            )

    def of(self, path: str) -> tuple[Requirement, ...]:
        """What a member requires."""
        return self._by_member.get(path, ())

    def put_out_by(self, output: str) -> Iterator[tuple[str, Requirement]]:
        """What must hold of the controls that set what an output puts out, by their names."""
        channel = output.rpartition(".")[0]
        for path in self._put_out:
            if path != output and (not channel or path.rpartition(".")[0] in ("", channel)):
                yield from ((path, each) for each in self.of(path) if each.path != output)

    def read_first(self) -> list[str]:
        """What must be read at a connection besides controls, which are in any case."""
        return list(
            dict.fromkeys(
                each.path
                for needed in self._by_member.values()
                for each in needed
                if not isinstance(each.member, Control)
            )
        )

    def paths(self) -> list[str]:
        """All that is to be read to know whether everything holds."""
        return list(dict.fromkeys(r.path for needed in self._by_member.values() for r in needed))

    def unmet(self, newest: Newest) -> Iterator[tuple[str, Requirement]]:
        """Every member with a requirement of it that does not hold, by what was read last."""
        for path, needed in self._by_member.items():
            for each in needed:
                if newest(each.path) is not None and each.why_not(newest):
                    yield path, each

    def told(
        self, device: str, newest: Newest, members: Collection[str] | None, but: Collection[str]
    ) -> list[str]:
        """What does not hold, a sentence each.

        Args:
            members: Only what these require; None for all.
            but: Not what is required of these.
        """
        by_why: dict[str, list[str]] = {}
        for path, requirement in self.unmet(newest):
            if requirement.path not in but and (members is None or path in members):
                by_why.setdefault(requirement.why_not(newest), []).append(path)
        return [f"{device}: {why}, as {', '.join(p)} must have it." for why, p in by_why.items()]


def _fields(members: Mapping[str, Member]) -> Iterator[tuple[str, Requires]]:
    """What single fields of records require, by their full names."""
    for path, member in members.items():
        if isinstance(member, Record):
            yield from ((f"{path}.{f.name}", f.requires) for f in member.fields if f.requires)


def _requirement(
    path: str, name: str, wanted: Any, members: Mapping[str, Member], kind: type[Instrument]
) -> Requirement:
    full = _full(path, name, members, kind)
    member = members[full]
    if not isinstance(member, Value):
        raise BenchError(f"{kind.spec.name}: {path} requires {name!r}, which is no value.")
    several = wanted if isinstance(wanted, tuple | list | set | frozenset) else (wanted,)
    return Requirement(full, member, tuple(member.label(each) for each in several))


def _full(path: str, name: str, members: Mapping[str, Member], kind: type[Instrument]) -> str:
    """A member's full name, looked for in the same group first."""
    channel, dot, _ = path.rpartition(".")
    for each in (f"{channel}{dot}{name}", name):
        if each in members:
            return each
    raise BenchError(f"{kind.spec.name}: {path} requires {name!r}, which there is not.")

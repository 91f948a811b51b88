"""What a run asks people, until somebody answers: one list of open prompts for each nodespace.

    a node opens a prompt → everybody who can answer is told → the first answer is taken
        → the node goes on; the deadline, or the end of what asked, closes it as well

Guarantees that a prompt is answered once, that whoever comes second is told who was first, and
that an answer is of the type that was asked for. Who is told, and how, is up to who lends the list:
a worker its pages, `terminal` the terminal of this process.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from funcnodes.core import clock, units
from funcnodes.core.events import unsubscriber
from funcnodes.core.types import Range, check_range
from funcnodes.errors import RefusedError, UnitError, ValueRefusedError

AskKind = Literal["number", "choice", "text", "picture", "confirm"]
PromptKind = Literal["number", "choice", "text", "picture", "confirm", "approve", "tell"]
AfterDeadline = Literal["use default", "fail", "stop the run"]
How = Literal["page", "terminal", "in advance", "by default"]

PICTURE_BYTES = 4 * 2**20
TEXT_LENGTH = 10_000
REMEMBERED = 200
_PNG = b"\x89PNG\r\n\x1a\n"
_YES = ("yes", "y", "true", "on", "1", "ok", "approve")
_NO = ("no", "n", "false", "off", "0", "refuse")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and which answers are some.

    Attributes:
        unit: Of a number; its limits are in it.
        default: As a person would type it; "" for none.
        deadline_s: Seconds that it waits for an answer; 0 for as long as it takes.
        then: What happens after that.
    """

    text: str
    kind: PromptKind
    unit: str = ""
    limits: Range = field(default_factory=Range)
    choices: tuple[str, ...] = ()
    default: str = ""
    deadline_s: float = 0.0
    then: AfterDeadline = "fail"

    @property
    def has_way_out(self) -> bool:
        """Whether it goes on by itself where nobody answers."""
        return self.deadline_s > 0 and self.then == "use default" and self.default != ""

    def read(self, value: Any) -> Any:
        """An answer as a value: a float in `unit`, a text, True or False, or a PNG's bytes.

        Raises:
            ValueRefusedError: It is none; the sentence says what is asked for.
        """
        match self.kind:
            case "number":
                return self._number(value)
            case "choice":
                return self._choice(value)
            case "text":
                return _text(value)
            case "picture":
                return _picture(value)
            case "confirm" | "approve":
                return _yes_or_no(value)
            case "tell":
                raise ValueRefusedError("Nothing is asked.")

    def read_typed(self, text: str) -> Any:
        """An answer that was typed on this machine: a picture by its file, a choice by its number.

        Raises:
            ValueRefusedError: It is none.
        """
        if self.kind == "picture":
            return _picture(_picture_file(Path(text.strip()).expanduser()))
        if self.kind == "choice" and text.strip() not in self.choices and text.strip().isdecimal():
            number = int(text)
            if 0 < number <= len(self.choices):
                return self.choices[number - 1]
        return self.read(text)

    def shown(self, value: Any) -> str:
        """An answer as people read it: "1.2 mm", "yes", "a picture of 2,311 bytes"."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, bytes):
            return f"a picture of {len(value):,} bytes"
        if isinstance(value, int | float):
            return units.text(value, self.unit, digits=9)
        return str(value)

    def kept(self, value: Any) -> Any:
        """An answer as the record of a run keeps it: of a picture what tells it from others."""
        if isinstance(value, bytes):
            return {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}
        return value

    def _number(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueRefusedError(f"A number{f' of {self.unit}' if self.unit else ''} is asked.")
        try:
            number = units.parse(str(value), self.unit)
        except UnitError as error:
            raise ValueRefusedError(error.message) from error
        check_range(number, self.limits, self.unit)
        return number

    def _choice(self, value: Any) -> str:
        wanted = str(value).strip()
        for same in (lambda each: each == wanted, lambda each: _plain(each) == _plain(wanted)):
            found = [each for each in self.choices if same(each)]
            if len(found) == 1:
                return found[0]
        known = ", ".join(self.choices) or "none"
        raise ValueRefusedError(f"{wanted!r} is none of the choices: {known}.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        by: Who; "" where nobody did and the default was taken.
        at: Seconds since the epoch.
    """

    value: Any
    by: str
    how: How
    at: float

    @property
    def when(self) -> str:
        """The time as ISO 8601, UTC, to the millisecond."""
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")


@dataclass(eq=False, slots=True)
class Prompt:
    """One question that is open.

    Attributes:
        node: Name of the node across subgraphs.
        name: What it is called on its card.
        asked: Seconds since the epoch.
        due: When its deadline is, likewise; None where it has none.
    """

    id: str
    node: str
    name: str
    question: Question
    asked: float
    due: float | None
    answered: "asyncio.Future[Answer]"


class Prompts:
    """The open prompts of one nodespace. Belongs to the loop in which they are opened.

    Attributes:
        asks: Whether there is anybody to ask; answers that were given in advance aside.
        why_not: Where there is nobody, why that is so.
    """

    def __init__(
        self, *, asks: bool = True, why_not: str = "there is no terminal to ask on"
    ) -> None:
        self.asks = asks
        self.why_not = why_not
        self._open: dict[str, Prompt] = {}
        self._over: dict[str, str] = {}  # why an earlier one cannot be answered any more
        self._given: dict[str, tuple[Any, str]] = {}  # by name of the node
        self._changed: list[Callable[[], None]] = []

    @property
    def open(self) -> list[Prompt]:
        """Those that wait, in the order in which they came."""
        return list(self._open.values())

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback()` when one comes or goes; returns how to end that."""
        return unsubscriber(self._changed, callback)

    # ── for nodes ─────────────────────────────────────────────────────────────────────────

    def give(self, node: str, value: Any, by: str) -> None:
        """Answer whatever the node of that name will ask, in advance."""
        self._given[node] = (value, by)

    def is_given(self, node: str) -> bool:
        """Whether what the node asks was answered in advance."""
        return node in self._given

    def given(self, node: str, question: Question) -> Answer | None:
        """What was answered in advance, if it was.

        Raises:
            ValueRefusedError: It does not fit what is asked now.
        """
        if node not in self._given:
            return None
        value, by = self._given[node]
        return Answer(question.read(value), by, "in advance", clock.now())

    def put(self, node: str, name: str, question: Question) -> Prompt:
        """Open a prompt. Whoever does closes it, too."""
        asked = clock.now()
        due = asked + question.deadline_s if question.deadline_s > 0 else None
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        prompt = Prompt(secrets.token_hex(8), node, name, question, asked, due, answered)
        self._open[prompt.id] = prompt
        self._tell()
        return prompt

    def close(self, prompt: Prompt, why: str) -> None:
        """It is not asked any longer; nothing happens to one that was answered."""
        if self._open.pop(prompt.id, None) is not None:
            self._remember(prompt, f"{prompt.name} does not ask any longer: {why}.")
            prompt.answered.cancel()
            self._tell()

    # ── for whoever answers ───────────────────────────────────────────────────────────────

    def answer(self, prompt_id: str, value: Any, *, by: str, how: How) -> Answer:
        """Answer a prompt.

        Raises:
            RefusedError: Somebody was first, or it is not asked any longer.
            ValueRefusedError: It is no answer to that.
        """
        prompt = self._open.get(prompt_id)
        if prompt is None:
            raise RefusedError(self._over.get(prompt_id, "That is not asked any longer."))
        try:
            read = prompt.question.read(value)
        except ValueRefusedError as error:
            raise ValueRefusedError(f"{prompt.name}: {error.message}") from error
        answer = Answer(read, by, how, clock.now())
        self._take(prompt, f"{by or 'Somebody'} has answered {prompt.name} already.")
        prompt.answered.set_result(answer)
        return answer

    def knows(self, prompt_id: str) -> bool:
        """Whether a prompt of that id is open here, or was lately."""
        return prompt_id in self._open or prompt_id in self._over

    def see(self, prompt_id: str, *, by: str) -> None:
        """Somebody has seen what was told. A second time is harmless."""
        prompt = self._open.get(prompt_id)
        if prompt is not None and prompt.question.kind == "tell":
            self._take(prompt, f"{by or 'Somebody'} has seen it already.")
            prompt.answered.cancel()

    def _take(self, prompt: Prompt, over: str) -> None:
        del self._open[prompt.id]
        self._remember(prompt, over)
        self._tell()

    def _remember(self, prompt: Prompt, over: str) -> None:
        self._over[prompt.id] = over
        if len(self._over) > REMEMBERED:
            del self._over[next(iter(self._over))]

    def _tell(self) -> None:
        for callback in tuple(self._changed):
            callback()


def _text(value: Any) -> str:
    text = str(value).strip()
    if not text:
        raise ValueRefusedError("An empty text is no answer.")
    if len(text) > TEXT_LENGTH:
        raise ValueRefusedError(f"A text of {len(text):,} letters is too long for an answer.")
    return text


def _picture(value: Any) -> bytes:
    if not isinstance(value, bytes) or not value.startswith(_PNG):
        raise ValueRefusedError("That is no picture: a PNG is asked for.")
    if len(value) > PICTURE_BYTES:
        size = PICTURE_BYTES // 2**20
        raise ValueRefusedError(f"The picture is larger than the {size} MB that are taken.")
    return value


def _picture_file(path: Path) -> bytes:
    if not path.is_file():
        raise ValueRefusedError(f"There is no picture {str(path)!r}.")
    try:
        with path.open("rb") as file:
            return file.read(PICTURE_BYTES + 1)
    except OSError as error:
        raise ValueRefusedError(f"{path} cannot be read: {error.strerror}.") from error


def _yes_or_no(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    plain = _plain(str(value))
    if plain in _YES or plain in _NO:
        return plain in _YES
    raise ValueRefusedError(f"{str(value)!r} is neither yes nor no.")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())

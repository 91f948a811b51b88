"""The terminal of this process as the place where people are asked.

Questions stand on stderr, one at a time, in the order in which they came; the line that is typed is
the answer. Nothing waits for it but the node that asked: stdin is looked at only once there is
something to read, and only while a question stands.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO
from weakref import WeakKeyDictionary

from funcnodes.core import units
from funcnodes.errors import RefusedError, ValueRefusedError
from funcnodes.machine.person import user_name
from funcnodes.runs.prompts import Prompt, Prompts, Question

AGAIN_S = 0.2
"""Until stdin is looked at again after Ctrl-D."""


def is_there() -> bool:
    """Whether a person can read stderr and type on stdin."""
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):  # there are none, or they are closed
        return False


class Terminal:
    """Asks the prompts of a list on the terminal, and tells there what is told."""

    def __init__(
        self,
        prompts: Prompts,
        *,
        by: str = "",
        out: TextIO | None = None,
        held: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """
        Args:
            prompts: What is asked; nothing is, where it says that there is nobody.
            by: Whose answers they are.
            out: In place of stderr.
            held: Told True while a question stands, so that nothing else is drawn there.
        """
        self._prompts = prompts
        self._by = by
        self._out = out
        self._held = held
        self._asking: Prompt | None = None
        self._typed = b""
        self._loop = asyncio.get_running_loop()
        self._unwatch = prompts.on_change(self._look)

    def close(self) -> None:
        """Ask nothing any more."""
        self._unwatch()
        self._listen(False)

    def _look(self) -> None:
        """Prompts came or went."""
        waiting = self._prompts.open
        for prompt in waiting:
            if prompt.question.kind == "tell":
                self._say(f"{prompt.name}: {prompt.question.text}")
                self._prompts.see(prompt.id, by=self._by)
                return  # which has looked at the rest already
        if self._asking in waiting or not self._prompts.asks:
            return
        if self._asking is not None:
            self._say("" if self._asking.answered.done() and self._was_answered() else "—")
            self._asking = None
        if waiting:
            self._ask(waiting[0])
        else:
            self._listen(False)

    def _was_answered(self) -> bool:
        return self._asking is not None and not self._asking.answered.cancelled()

    def _ask(self, prompt: Prompt) -> None:
        self._asking = prompt
        self._listen(True)
        self._write(f"{prompt.name}: {asked(prompt.question)}")

    def _listen(self, on: bool) -> None:
        self._held(on)
        with suppress(OSError, ValueError, RuntimeError):  # it is gone, and so is the loop
            self._loop.remove_reader(sys.stdin.fileno())
            if on:
                self._loop.add_reader(sys.stdin.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(sys.stdin.fileno(), 4096)
        except OSError:  # the terminal is gone; the signal of that ends the run
            self._loop.remove_reader(sys.stdin.fileno())
            return
        if not data:
            self._say("The question stays open: type an answer, or end the run by Ctrl-C.")
            self._listen(False)
            self._loop.call_later(AGAIN_S, self._listen_again)
            return
        *lines, self._typed = (self._typed + data).split(b"\n")
        for line in lines:
            self._answer(line.decode(errors="replace"))

    def _listen_again(self) -> None:
        if self._asking is not None:
            self._ask(self._asking)

    def _answer(self, line: str) -> None:
        prompt = self._asking
        if prompt is None:
            return
        question = prompt.question
        try:
            text = line.strip() or question.default
            value = question.read_typed(text) if text else question.read(text)
            self._asking = None  # so that nothing is said of its end
            self._prompts.answer(prompt.id, value, by=self._by, how="terminal")
        except (ValueRefusedError, RefusedError) as error:
            self._say(error.message)
            if prompt in self._prompts.open:
                self._ask(prompt)

    def _say(self, text: str) -> None:
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # nobody is left to read it
            out = self._out or sys.stderr
            out.write(text)
            out.flush()


def asked(question: Question) -> str:
    """A question as it stands on a terminal, up to where the answer is typed."""
    parts = [question.text or "?"]
    match question.kind:
        case "number":
            if question.limits.low is not None or question.limits.high is not None:
                parts.append(f"({question.limits.text(question.unit)})")
            elif question.unit:
                parts.append(f"({units.name(question.unit)})")
        case "choice":
            listed = enumerate(question.choices, 1)
            parts.append("".join(f"\n  {number}  {choice}" for number, choice in listed) + "\n")
        case "picture":
            parts.append("(a PNG file)")
        case "confirm" | "approve":
            parts.append("(yes or no)")
    if question.default:
        parts.append(f"[{question.default}]")
    if question.deadline_s > 0:
        parts.append(f"within {question.deadline_s:g} s")
    return " ".join(parts) + " > "


_HERE: "WeakKeyDictionary[asyncio.AbstractEventLoop, Prompts]" = WeakKeyDictionary()


def prompts_here() -> Prompts:
    """The list of the running loop where nobody lends another: asked on the terminal, if any."""
    loop = asyncio.get_running_loop()
    if loop not in _HERE:
        prompts = _HERE[loop] = Prompts(asks=is_there())
        Terminal(prompts, by=user_name())
    return _HERE[loop]

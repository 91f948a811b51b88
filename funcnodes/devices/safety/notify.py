"""Telling people who are elsewhere: mail and a webhook, for what is grave enough.

Guarantees that neither the loop nor the end of the program ever waits for a mail server: each
hook has a daemon thread of its own, a bounded queue (the oldest is dropped when it is full, and
counted), a time-out per attempt, and tries again with longer and longer pauses. Secrets come from
the environment, never from a file: FUNCNODES_SMTP_PASSWORD, FUNCNODES_WEBHOOK_TOKEN.
"""

import logging
import os
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from funcnodes.devices.benchfile.rules import MailConfig, NotifyConfig, Severity, WebhookConfig

TIMEOUT_S = 10.0  # for one attempt
PAUSES_S = (1.0, 5.0, 30.0, 120.0)  # between attempts
QUEUE = 100
_SECRET_MAIL, _SECRET_WEB = "FUNCNODES_SMTP_PASSWORD", "FUNCNODES_WEBHOOK_TOKEN"

_log = logging.getLogger(__name__)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told; JSON-ready, and what a webhook gets."""

    bench: str
    kind: str
    """"alarm" or "interlock"."""
    name: str
    severity: str
    text: str
    t: float
    """Seconds since the epoch."""


class HookState(msgspec.Struct, frozen=True, kw_only=True):
    """How one way of telling people works out; JSON-ready."""

    hook: str
    sent: int
    failed: int
    """Notices given up after the last attempt."""
    dropped: int
    """Notices that found the queue full."""
    waiting: int
    trouble: str
    """Why the last attempt failed, or ""."""


class Hook(ABC):
    """One way of telling people, with its thread; see the module's text."""

    name = ""

    def __init__(
        self, *, timeout_s: float = TIMEOUT_S, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        self._timeout_s = timeout_s
        self._pauses_s = tuple(pauses_s)
        self._queue: deque[Notice] = deque()
        self._changed = threading.Condition()
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        self._sent = self._failed = self._dropped = 0
        self._trouble = ""
        self._is_sending = False

    @abstractmethod
    def deliver(self, notice: Notice, timeout_s: float) -> None:
        """One attempt; blocks, and raises whatever goes wrong."""

    @property
    def state(self) -> HookState:
        with self._changed:
            return HookState(
                hook=self.name, sent=self._sent, failed=self._failed, dropped=self._dropped,
                waiting=len(self._queue) + self._is_sending, trouble=self._trouble,
            )  # fmt: skip

    def put(self, notice: Notice) -> None:
        """Have it told; returns at once."""
        with self._changed:
            if self._is_over.is_set():
                return
            if len(self._queue) >= QUEUE:
                self._queue.popleft()
                self._dropped += 1
            self._queue.append(notice)
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()

    def drain(self, within_s: float) -> bool:
        """Wait until all is told or given up; whether that was so in time. Blocks."""
        end = time.monotonic() + within_s
        with self._changed:
            while self._queue or self._is_sending:
                if not self._changed.wait(max(0.0, end - time.monotonic())):
                    return False
        return True

    def close(self) -> None:
        """Take no more; what waits gets one attempt. Waits for nothing."""
        with self._changed:
            self._is_over.set()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    if self._is_over.is_set():
                        return
                    self._changed.wait()
                notice, self._is_sending = self._queue.popleft(), True
            told = self._tell(notice)
            with self._changed:
                self._is_sending = False
                self._sent += told
                self._failed += not told
                self._changed.notify_all()

    def _tell(self, notice: Notice) -> bool:
        for pause_s in (*self._pauses_s, None):
            try:
                self.deliver(notice, self._timeout_s)
            except Exception as error:  # servers fail in every way there is
                self._trouble = _plain(error)
                _log.warning("%s: %r was not sent: %s.", self.name, notice.text, self._trouble)
            else:
                self._trouble = ""
                return True
            if pause_s is None or self._is_over.wait(pause_s):
                break
        return False


class Mail(Hook):
    """Mail over SMTP."""

    name = "mail"

    def __init__(self, config: MailConfig, **times: Any) -> None:
        super().__init__(**times)
        self._config = config

    def deliver(self, notice: Notice, timeout_s: float) -> None:
        import smtplib
        import ssl

        config = self._config
        tls = ssl.create_default_context() if config.tls != "none" else None
        if config.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                config.server, config.port, timeout=timeout_s, context=tls
            )
        else:
            server = smtplib.SMTP(config.server, config.port, timeout=timeout_s)
        with server:
            if config.tls == "starttls":
                server.starttls(context=tls)
            if config.user:
                server.login(config.user, os.environ.get(_SECRET_MAIL, ""))
            server.send_message(self._message(notice))

    def _message(self, notice: Notice) -> Any:
        from email.message import EmailMessage
        from email.utils import formatdate, make_msgid

        message = EmailMessage()
        message["From"] = self._config.sender
        message["To"] = ", ".join(self._config.to)
        message["Subject"] = _line(f"[{notice.bench}] {notice.text}")[:200]
        message["Date"] = formatdate(notice.t, localtime=True)
        message["Message-ID"] = make_msgid(domain=self._config.sender.partition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            f"{notice.text}\n\nBench: {notice.bench}\n{notice.kind.capitalize()}: {notice.name}\n"
            f"Severity: {notice.severity}\n"
        )
        return message


class Webhook(Hook):
    """JSON posted to a web address; redirects are not followed."""

    name = "webhook"

    def __init__(self, config: WebhookConfig, **times: Any) -> None:
        super().__init__(**times)
        self._config = config

    def deliver(self, notice: Notice, timeout_s: float) -> None:
        import urllib.error
        import urllib.request

        headers = {"Content-Type": "application/json", "User-Agent": "funcnodes"}
        token = os.environ.get(_SECRET_WEB, "")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(
            self._config.url, data=msgspec.json.encode(notice), headers=headers, method="POST"
        )
        try:
            with _opener().open(request, timeout=timeout_s) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            with error:
                raise ConnectionError(f"the server answered {error.code}") from None


def _opener() -> Any:
    """One that follows no redirect: a token goes to the address that was named, and no other."""
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    return urllib.request.build_opener(NoRedirect)


class Notifier:
    """All hooks of a bench."""

    def __init__(self, config: NotifyConfig, bench: str) -> None:
        self.bench = bench
        self.at_least = config.at_least
        self.hooks: list[Hook] = []
        if config.mail is not None:
            self.hooks.append(Mail(config.mail))
        if config.webhook is not None:
            self.hooks.append(Webhook(config.webhook))

    def tell(self, kind: str, name: str, severity: Severity, text: str, t: float) -> None:
        """Tell people, if it is grave enough; returns at once."""
        if severity >= self.at_least and self.hooks:
            notice = Notice(
                bench=self.bench, kind=kind, name=name, severity=severity.name, text=text, t=t
            )
            for hook in self.hooks:
                hook.put(notice)

    def states(self) -> list[HookState]:
        """How each works out."""
        return [hook.state for hook in self.hooks]

    def close(self) -> None:
        """Take no more; what waits gets one attempt each. Waits for nothing."""
        for hook in self.hooks:
            hook.close()


def _plain(error: Exception) -> str:
    """An error in one line, without anything that a server may have echoed beyond that."""
    text = _line(str(error))[:200] or type(error).__name__
    return text.rstrip(".")


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())

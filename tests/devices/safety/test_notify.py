"""Mail and webhooks, at a real SMTP server and a real HTTP server on loopback."""

import email
import email.policy
import http.server
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.devices import Bench
from funcnodes.devices.benchfile.rules import MailConfig, NotifyConfig, Severity, WebhookConfig
from funcnodes.devices.safety.notify import QUEUE, Hook, Mail, Notice, Notifier, Webhook
from funcnodes.errors import BenchError

from ...waiting import patience, until

Limit = Callable[[float], float]

NOTICE = Notice(
    bench="demo", kind="alarm", name="cold", severity="MAJOR", text="MAJOR: cold: 3 K — low.", t=1e9
)


@dataclass
class Mailbox:
    """An SMTP server that takes what RFC 5321 asks for at least."""

    refuse: int = 0
    """How many connections are turned away first."""
    mails: list[Any] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if box.refuse:
                box.refuse -= 1
                self.wfile.write(b"421 too busy\r\n")
                return
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    text = b"".join(each.removeprefix(b".") for each in lines)
                    box.mails.append(email.message_from_bytes(text, policy=email.policy.default))
                if word == b"RCPT":
                    box.recipients.append(line.decode().strip())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield box
        server.shutdown()
        thread.join()


@dataclass
class Site:
    """An HTTP server that a test programs: the codes that it answers with, one after the other."""

    codes: list[int] = field(default_factory=list)
    posts: list[tuple[str, Any, Any]] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)
    url: str = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            site.posts.append((self.path, json.loads(body), self.headers))
            if site.silent.is_set():
                return
            code = site.codes.pop(0) if site.codes else 204
            self.send_response(code)
            if code == 302:
                self.send_header("Location", site.url + "elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def told(hook: Hook, *notices: Notice) -> Hook:
    for notice in notices:
        hook.put(notice)
    assert hook.drain(5)
    hook.close()
    return hook


def mail_to(mailbox: Mailbox, **options: Any) -> Mail:
    config = MailConfig(
        to=("lab@example.org", "ops@example.org"), sender="bench@example.org",
        server="127.0.0.1", port=mailbox.port, tls="none",
    )  # fmt: skip
    return Mail(config, timeout_s=2.0, **{"pauses_s": (0.01, 0.01), **options})


def test_a_mail_arrives_at_everybody(mailbox: Mailbox) -> None:
    hook = told(mail_to(mailbox), NOTICE)
    assert hook.state.sent == 1
    (mail,) = mailbox.mails
    assert mail["Subject"] == "[demo] MAJOR: cold: 3 K — low."
    assert mail["To"] == "lab@example.org, ops@example.org"
    assert "Alarm: cold\nSeverity: MAJOR" in mail.get_content().replace("\r\n", "\n")
    assert len(mailbox.recipients) == 2


def test_a_text_with_line_breaks_adds_no_header(mailbox: Mailbox) -> None:
    text = "x\r\nBcc: eve@example.org"
    told(mail_to(mailbox), msgspec.structs.replace(NOTICE, text=text))
    (mail,) = mailbox.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[demo] x Bcc: eve@example.org"


def test_a_server_that_is_busy_is_tried_again(mailbox: Mailbox) -> None:
    mailbox.refuse = 2
    hook = told(mail_to(mailbox), NOTICE)
    assert (hook.state.sent, hook.state.failed, hook.state.trouble) == (1, 0, "")


def test_a_server_that_is_not_there_is_given_up_with_a_reason(mailbox: Mailbox) -> None:
    mailbox.refuse = 99
    hook = told(mail_to(mailbox), NOTICE)
    assert (hook.state.sent, hook.state.failed) == (0, 1)
    assert "too busy" in hook.state.trouble


def test_a_webhook_gets_json_and_the_token_of_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNCNODES_WEBHOOK_TOKEN", "s3cret")
    hook = told(Webhook(WebhookConfig(url=site.url + "hook")), NOTICE)
    assert hook.state.sent == 1
    ((path, body, headers),) = site.posts
    assert (path, body["name"], body["severity"]) == ("/hook", "cold", "MAJOR")
    assert headers["Authorization"] == "Bearer s3cret"


def test_a_webhook_that_fails_is_tried_again_and_a_redirect_is_not_followed(site: Site) -> None:
    site.codes = [500, 302]
    hook = told(Webhook(WebhookConfig(url=site.url), pauses_s=(0.01,)), NOTICE)
    assert (hook.state.sent, hook.state.failed) == (0, 1)
    assert hook.state.trouble == "the server answered 302"
    assert [path for path, _, _ in site.posts] == ["/", "/"]


def test_a_server_that_never_answers_holds_up_one_attempt_at_most(site: Site, limit: Limit) -> None:
    site.silent.set()
    hook = Webhook(WebhookConfig(url=site.url), timeout_s=0.2, pauses_s=())
    began = time.monotonic()
    hook.put(NOTICE)
    assert time.monotonic() - began < limit(0.1)
    assert hook.drain(patience())
    assert hook.state.failed == 1
    hook.close()


def test_a_full_queue_drops_the_oldest_and_says_so(site: Site) -> None:
    site.silent.set()
    hook = Webhook(WebhookConfig(url=site.url), timeout_s=0.5, pauses_s=())
    for _ in range(QUEUE + 20):
        hook.put(NOTICE)
    assert hook.state.dropped >= 19
    assert hook.state.waiting <= QUEUE + 1
    site.silent.clear()
    assert hook.drain(5)
    hook.close()
    hook.put(NOTICE)
    assert hook.state.waiting == 0


def test_only_what_is_grave_enough_is_told(site: Site) -> None:
    notifier = Notifier(NotifyConfig(webhook=WebhookConfig(url=site.url)), "demo")
    notifier.tell("alarm", "a", Severity.MINOR, "x", 0)
    notifier.tell("alarm", "b", Severity.INVALID, "x", 0)
    assert notifier.hooks[0].drain(5)
    assert [body["name"] for _, body, _ in site.posts] == ["b"]
    notifier.close()


async def test_a_bench_tells_of_its_alarms_and_trips(
    site: Site, simulator: Any, tmp_path: Path
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(
        f"name = 'b'\n[notify]\nat_least='minor'\nwebhook = {{url = '{site.url}'}}\n"
        "[devices.smu]\ndriver='keithley.smu2400'\naddress='sim:smu'\n"
        "[[alarm]]\nname='slow'\nsource='smu.nplc'\nhigh=5\nevery_s=0.02\n"
        "[[interlock]]\nname='slower'\nwhen='smu.nplc > 7'\nevery_s=0.02\n"
    )
    async with Bench.load(path, simulator.resources) as bench:
        await bench.devices["smu"].member_set("nplc", 9)
        await until(lambda: bench.latch.latched)
    found = {(body["kind"], body["name"]): body["text"] for _, body, _ in site.posts}
    assert found[("alarm", "slow")] == "MINOR: slow: smu.nplc is 9, at or above 5."
    assert found[("interlock", "slower")] == "Interlock 'slower' tripped: smu.nplc is 9."


MAIL = "to=['a@b.c'], sender='a@b.c', server='s'"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mail = {sender='a@b.c', server='s'}", r"\[notify.mail\] to: nobody is named"),
        (f"mail = {{{MAIL}, password='x'}}", "set FUNCNODES_SMTP_PASSWORD instead"),
        (f"mail = {{{MAIL}, port=0}}", r"\[notify.mail\] port: 1 to 65535 is expected"),
        (f"mail = {{{MAIL}, tls='ssl'}}", "tls: starttls, tls or none is expected"),
        (f"mail = {{{MAIL}, tls='none', user='x'}}", "a password would go over the network"),
        ('mail = {to=["a@b.c\\nBcc: x@y.z"], sender="a@b.c", server="s"}', "is no mail address"),
        ("webhook = {url='ftp://x'}", r"\[notify.webhook\] url: 'ftp://x' is no http"),
        ("webhook = {url='http://u:p@x/'}", "is no http or https address"),
        ("webhook = {url='http://x/', token='t'}", "set FUNCNODES_WEBHOOK_TOKEN instead"),
        ("at_least = 'grave'", "at_least: minor, major or invalid is expected"),
    ],
)
def test_a_mistake_is_named_by_file_table_and_key(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"[notify]\n{line}\n")
    with pytest.raises(BenchError, match=message):
        Bench.load(path)

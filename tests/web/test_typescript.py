"""The TypeScript that the editor is built on says what the structs of the schema say."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.web import typescript
from funcnodes.workers import schema

ROOT = Path(__file__).resolve().parents[2]
TEXT = typescript.render()


def declaration(name: str) -> str:
    found = re.search(rf"^export (?:interface|type) {name}\b.*?^}}?$|^export type {name} = .*?;$",
                      TEXT, re.MULTILINE | re.DOTALL)  # fmt: skip
    assert found, f"{name} is not rendered"
    return found[0]


def test_the_committed_file_is_up_to_date() -> None:
    assert (ROOT / typescript.TARGET).read_text(encoding="utf-8") == TEXT


def test_check_exits_with_1_and_names_the_command_where_the_file_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "wire.gen.ts"
    monkeypatch.setattr(typescript, "TARGET", target)
    assert typescript.main(["--check"]) == 1
    assert "python -m funcnodes.web.typescript" in capsys.readouterr().err
    assert typescript.main([]) == 0
    assert typescript.main(["--check"]) == 0
    target.write_text(TEXT + "// edited by hand\n", encoding="utf-8")
    assert typescript.main(["--check"]) == 1


def test_outside_a_checkout_it_says_where_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typescript.main([]) == 2
    assert "root of a checkout" in capsys.readouterr().err


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "funcnodes.web.typescript", "--check"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_message_of_a_browser_is_rendered_with_its_tag() -> None:
    for union in (schema.FromWorker, schema.FromBrowser, schema.AnyCommand, schema.PatchEvent):
        for struct in union.__args__:
            tag, name = struct.__struct_config__.tag, struct.__name__
            assert f'  type: "{tag}";' in declaration(typescript.NAMES.get(name, name))


def test_messages_between_worker_and_manager_stay_out() -> None:
    for struct in (schema.Hello, schema.Do, schema.Actor, schema.Shutdown, schema.People):
        assert not re.search(rf"export \w+ {struct.__name__}\b", TEXT)
    assert "FromWorkerLink" not in TEXT


def test_a_positional_struct_is_a_tuple_in_the_order_of_its_fields() -> None:
    names = re.findall(r"(\w+):", declaration("PortValue"))
    assert tuple(names) == schema.PortValue.__struct_fields__
    sent = msgspec.msgpack.decode(
        msgspec.msgpack.encode(schema.PortValue("n", "out", 1.5, "ok", 2.0, False, True, "off"))
    )
    assert sent == ["n", "out", 1.5, "ok", 2.0, False, True, "off", None]


def test_what_is_received_has_every_field_and_what_is_sent_may_leave_defaults_out() -> None:
    assert "?:" not in declaration("NodeView")
    assert "progress: Progress | null;" in declaration("NodeView")
    sent = declaration("Duplicate")
    assert "ids: Array<string>;" in sent
    assert "dx?: number;" in sent


def test_a_named_choice_keeps_its_name() -> None:
    assert "kind: PortKind;" in declaration("PortView")
    assert '"quantity"' in declaration("PortKind")


def test_a_type_without_a_counterpart_is_refused() -> None:
    with pytest.raises(TypeError, match="has no TypeScript form"):
        typescript._type(dict[int, Any])

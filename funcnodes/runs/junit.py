"""Verdicts as JUnit XML: a suite per device under test, a case per step.

A run that did not end well has a case of its own, which is an error, so that no reader of the file
takes what had passed until then for the whole.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree as xml

from funcnodes.runs.records import RunHead
from funcnodes.runs.verdicts import Result, Step, Verdict, worst

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS: dict[Verdict, str] = {"fail": "failure", "error": "error", "skipped": "skipped"}

Case = tuple[tuple[str, ...], Step]


def junit_xml(head: RunHead, result: Result) -> bytes:
    """The file, in UTF-8."""
    title = head.title or head.nodespace or head.name
    top = xml.Element("testsuites", name=_clean(title))
    for name, steps in _suites(title, result):
        top.append(_suite(head, name, steps))
    if result.text or not len(top):
        top.append(_run_itself(head, result, title))
    _count(top, [case for suite in top for case in suite])
    xml.indent(top)
    return bytes(xml.tostring(top, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suites(title: str, result: Result) -> Iterator[tuple[str, list[Step]]]:
    """What was done with each device, then what was done with none."""
    alone: list[Step] = []
    for step in result.steps:
        if step.kind == "device":
            yield step.serial, [step]
        else:
            alone.append(step)
    if alone:
        yield title, alone


def _suite(head: RunHead, name: str, steps: list[Step]) -> xml.Element:
    started = min(step.started for step in steps)
    suite = xml.Element("testsuite", name=_clean(name), timestamp=_time(started))
    cases = [case for step in steps for case in step.walk() if _is_case(case[1])]
    for path, step in cases:
        suite.append(_case(name, path, step))
    _count(suite, list(suite), sum(step.took_s for step in steps))
    properties = xml.Element("properties")
    for key, value in (("run", head.id), ("operator", head.operator), ("serial", steps[0].serial)):
        if value:
            xml.SubElement(properties, "property", name=key, value=_clean(value))
    suite.insert(0, properties)
    return suite


def _is_case(step: Step) -> bool:
    """A device is one where it has something to say that none of its steps says."""
    if step.kind != "device":
        return True
    return not step.steps or step.verdict != worst(inner.verdict for inner in step.steps)


def _case(suite: str, path: tuple[str, ...], step: Step) -> xml.Element:
    around = [suite, *(name for name in path if name != step.serial)]
    name = step.serial if step.kind == "device" else step.name
    whose = _clean(".".join(around))
    case = xml.Element("testcase", name=_clean(name), classname=whose, time=_seconds(step.took_s))
    _judge(case, step.verdict, step.text, [check.text for check in step.checks])
    return case


def _run_itself(head: RunHead, result: Result, title: str) -> xml.Element:
    took_s = max((head.ended or head.started) - head.started, 0.0)
    suite = xml.Element("testsuite", name=_clean(title), timestamp=_time(head.started))
    case = xml.SubElement(
        suite, "testcase", name=head.name, classname=_clean(title), time=_seconds(took_s)
    )
    _judge(case, result.verdict or "pass", result.text, [])
    _count(suite, [case], took_s)
    return suite


def _judge(case: xml.Element, verdict: Verdict, text: str, findings: list[str]) -> None:
    if verdict in _TAGS:
        found = xml.SubElement(case, _TAGS[verdict], message=_clean(text))
        if verdict != "skipped":
            found.set("type", verdict)
            found.text = _clean("\n".join(findings)) or None
    elif findings:
        xml.SubElement(case, "system-out").text = _clean("\n".join(findings))


def _count(element: xml.Element, cases: list[xml.Element], took_s: float | None = None) -> None:
    cases = [case for case in cases if case.tag == "testcase"]
    element.set("tests", str(len(cases)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(key, str(sum(case.find(tag) is not None for case in cases)))
    if took_s is None:
        took_s = sum(float(suite.get("time", "0")) for suite in element)
    element.set("time", _seconds(took_s))


def _seconds(took_s: float) -> str:
    return f"{took_s:.3f}"


def _time(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _clean(text: str) -> str:
    """Without what XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)

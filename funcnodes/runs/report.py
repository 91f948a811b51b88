"""A run as one HTML page that stands by itself: it loads nothing, runs no script, text is text.

Says what was found, with which values and limits, by which instruments, and which files it is
about, by their SHA-256. It prints on A4; the browser's print makes a PDF of it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from html import escape
from typing import Any

from funcnodes.core import units
from funcnodes.runs.curves import curve_svg
from funcnodes.runs.plot import choose_columns
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import ENDED, RowPage, RunHead, TableSpec
from funcnodes.runs.verdicts import Check, Result, Step, result_of

POINTS = 2000
_SEALED = {
    "intact": "as they were when the run ended",
    "changed": '<span class="overdue">changed since the run ended</span>',
    "unsealed": "not sealed",
}
_CURVES = 4  # of one recorder

_STYLE = """
:root { color-scheme: light; }
body { font: 14px/1.45 system-ui, sans-serif; color: #1c2430; background: #fff;
  margin: 24px auto; max-width: 900px; padding: 0 20px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 28px 0 8px; }
h3 { font-size: 14px; margin: 16px 0 6px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid #dfe4ea;
  vertical-align: top; overflow-wrap: break-word; }
th { color: #56616f; font-weight: 600; white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
dl { display: grid; grid-template-columns: 130px 1fr; gap: 2px 10px; margin: 8px 0; }
dt { color: #56616f; } dd { margin: 0; overflow-wrap: anywhere; }
code { font: 12px ui-monospace, monospace; overflow-wrap: anywhere; }
.mark { display: inline-block; min-width: 52px; text-align: center; padding: 1px 6px;
  border-radius: 3px; font-weight: 600; border: 1px solid; }
.pass { color: #14662f; background: #e5f5ea; } .fail { color: #9c1c1c; background: #fde8e8; }
.error { color: #7a3c00; background: #fff0dc; } .skipped { color: #4c5663; background: #eef1f4; }
.note { background: #fff7db; border: 1px solid #e3cf83; padding: 6px 10px; border-radius: 3px; }
.overdue { color: #9c1c1c; font-weight: 600; }
svg.curve { width: 100%; max-width: 640px; height: auto; display: block; margin: 4px 0 12px; }
svg text { font: 11px system-ui, sans-serif; fill: #3a4553; }
svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
svg .grid { stroke: #e3e7ec; } svg .line { fill: none; stroke: #1f5fbf; stroke-width: 1.6; }
svg .dot { fill: #1f5fbf; }
@page { size: A4; margin: 16mm; }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 10pt; }
  tr, svg, .keep { break-inside: avoid; } h2, h3 { break-after: avoid; }
  thead { display: table-header-group; }
  .mark, .note { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def report_html(run: RunReader) -> str:
    """The page.

    Raises:
        RunError: The file is no run.
    """
    head, result = run.head, result_of(run)
    title = head.title or head.nodespace or head.name
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(f'{title}: run {head.number}')}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        *_summary(head, result),
        *_tree(result),
        *_values(result),
        *_curves(run),
        *_instruments(run),
        *_files(run, head),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _summary(head: RunHead, result: Result) -> Iterator[str]:
    if head.origin:
        yield f'<p class="note">No real measurement: {escape(head.origin)}.</p>'
    if head.state not in ENDED:
        yield '<p class="note">The run is not over: what follows is what was there so far.</p>'
    facts = [
        ("Run", f"{head.number}  ({head.id})"),
        ("Ended", f"{head.state}: {head.message}" if head.message else head.state),
        ("Started", _time(head.started)),
        ("Took", f"{head.ended - head.started:.1f} s" if head.ended is not None else ""),
        ("Operator", head.operator),
        ("Bench", head.bench),
        ("Versions", ", ".join(f"{name} {text}" for name, text in head.versions.items())),
    ]
    verdict = _mark(result.verdict) if result.verdict else "nothing was tested"
    yield f'<dl class="keep"><dt>Verdict</dt><dd>{verdict}</dd>'
    yield from (f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts if text)
    yield "</dl>"


def _tree(result: Result) -> Iterator[str]:
    if not result.steps:
        return
    yield "<h2>Verdicts</h2>"
    rows = [
        [_mark(step.verdict), _indented(path, step), escape(step.text), f"{step.took_s:.2f} s"]
        for path, step in result.walk()
    ]
    yield from _table(("Verdict", "Step", "Why", "Took"), rows, numbers=(3,))


def _indented(path: tuple[str, ...], step: Step) -> str:
    tries = f" ({step.attempts} attempts)" if step.attempts > 1 else ""
    name = f"Device {step.serial}" if step.kind == "device" else step.name
    return f'<span style="padding-left:{16 * len(path)}px">{escape(name + tries)}</span>'


def _values(result: Result) -> Iterator[str]:
    steps = [(path, step) for path, step in result.walk() if step.checks]
    if not steps:
        return
    yield "<h2>Measured values</h2>"
    for path, step in steps:
        names = [name for name in (*path, step.name) if name != step.serial]
        whose = f"{step.serial}: " if step.serial else ""
        yield f"<h3>{escape(whose + ' / '.join(names))}</h3>"
        rows = [_row(check) for check in step.checks]
        yield from _table(
            ("Verdict", "Value", "Measured", "Lowest", "Highest", "Found"), rows, numbers=(2, 3, 4)
        )
        if step.checked > len(step.checks):
            yield f"<p>{step.checked} values were checked, {len(step.checks)} are shown.</p>"


def _row(check: Check) -> list[str]:
    measured = _said(check.value, check.unit)
    if check.quality != "ok":
        measured = f"{measured} ({check.quality})"
    return [
        _mark(check.verdict), escape(check.name), escape(measured),
        escape(_said(check.low, check.unit)), escape(_said(check.high, check.unit)),
        escape(check.text),
    ]  # fmt: skip


def _curves(run: RunReader) -> Iterator[str]:
    drawn = [part for k, spec in enumerate(run.specs) for part in _recorded(run, k, spec)]
    if drawn:
        yield "<h2>Curves</h2>"
        yield from drawn


def _recorded(run: RunReader, k: int, spec: TableSpec) -> Iterator[str]:
    """The curves of one recorder: all that is a number, against the first column that is."""
    count = run.count(k)
    names = [column.name for column in spec.columns]
    x_name, _ = choose_columns(spec.columns)
    if not count or x_name not in names:
        return
    page, _ = run.thinned(0, POINTS, k=k)
    gaps = _gaps(spec, page)
    numbers = [_with_gaps(column, gaps) for column in page.numbers()]
    x = names.index(x_name)
    others = [n for n, c in enumerate(spec.columns) if n != x and c.kind in ("number", "quantity")]
    yield f"<h3>{escape(spec.name)}, {count} rows</h3>"
    for n in others[:_CURVES]:
        across, up = spec.columns[x], spec.columns[n]
        yield curve_svg(
            numbers[x], numbers[n], x_title=across.label, y_title=up.label,
            x_unit=across.unit, y_unit=up.unit,
        )  # fmt: skip
    if len(others) > _CURVES:
        left = ", ".join(spec.columns[n].label for n in others[_CURVES:])
        yield f"<p>Not drawn: {escape(left)}.</p>"


def _gaps(spec: TableSpec, page: RowPage) -> list[int]:
    """The rows before which a text is another one, as the serial number of the next device."""
    texts = [page.values[n] for n, column in enumerate(spec.columns) if column.kind == "text"]
    return [n for n in range(1, len(page)) if any(text[n] != text[n - 1] for text in texts)]


def _with_gaps(numbers: Sequence[float | None], gaps: Sequence[int]) -> list[float | None]:
    starts = [0, *gaps]
    found: list[float | None] = []
    for start, stop in zip(starts, [*gaps, len(numbers)], strict=True):
        found += [*numbers[start:stop], None]
    return found


def _instruments(run: RunReader) -> Iterator[str]:
    devices = {each.device: each for each in run.snapshots()}  # before, where there is no after
    if not devices:
        return
    yield "<h2>Instruments</h2>"
    today = datetime.fromtimestamp(run.head.started).date()
    rows = [_instrument(name, each.parameters, today) for name, each in devices.items()]
    titles = ("Name", "Identity", "Serial number", "Firmware", "Driver", "Calibration due")
    yield from _table(titles, rows)


def _instrument(name: str, about: Mapping[str, Any], today: date) -> list[str]:
    identity = str(about.get("identity") or "")
    fields = [field.strip() for field in identity.split(",")]
    firmware = fields[3] if len(fields) == 4 else ""
    model = " ".join(fields[:2]) if len(fields) == 4 else identity
    marks = ", ".join(word for word in ("simulated", "replayed") if about.get(word))
    shown = f"{model or '–'} ({marks})" if marks else model or "–"
    driver, due = about.get("driver", ""), str(about.get("calibration_due", ""))
    texts = (name, shown, about.get("serial") or "–", firmware or "–", driver)
    return [*(escape(str(text)) for text in texts), _due(due, today)]


def _due(text: str, today: date) -> str:
    if not text:
        return "not given"
    try:
        overdue = date.fromisoformat(text) < today
    except ValueError:
        overdue = False
    return f'<span class="overdue">{escape(text)}, overdue</span>' if overdue else escape(text)


def _files(run: RunReader, head: RunHead) -> Iterator[str]:
    yield "<h2>Files</h2>"
    rows = [["Graph as it was run", _sum(run.graph_text().encode())]]
    if head.state in ENDED:
        with run.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        rows.insert(0, ["Measured contents, by their seal", _SEALED[run.verify()]])
        rows.insert(0, [f"Run file {escape(run.path.name)}", f"<code>{digest}</code>"])
    yield from _table(("File", "SHA-256"), rows)
    yield f"<p>Report made {escape(_time(datetime.now().timestamp()))}.</p>"


def _sum(data: bytes) -> str:
    return f"<code>{hashlib.sha256(data).hexdigest()}</code>"


def _table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()
) -> Iterator[str]:
    """Cells are HTML already."""
    yield "<table><thead><tr>"
    yield "".join(f"<th>{escape(title)}</th>" for title in titles)
    yield "</tr></thead><tbody>"
    for row in rows:
        marked = [(" class=number" if n in numbers else "", cell) for n, cell in enumerate(row)]
        cells = (f"<td{mark}>{cell}</td>" for mark, cell in marked)
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table>"


def _mark(verdict: str) -> str:
    return f'<span class="mark {escape(verdict)}">{escape(verdict)}</span>'


def _said(value: Any, unit: str) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return units.text(float(value), unit, digits=9)
    return str(value)


def _time(wall: float) -> str:
    return datetime.fromtimestamp(wall).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")

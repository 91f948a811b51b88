"""A run as Parquet: one recorder, its columns typed, units and all that is known as metadata."""

from pathlib import Path
from typing import Any

from funcnodes.runs.about import CLOCKS, ROW
from funcnodes.runs.extras import extra
from funcnodes.runs.forms import Batch, Form, Titled, texts
from funcnodes.runs.reader import RunReader


def write_parquet(run: RunReader, path: Path, *, recorder: str = "") -> None:
    """Write one recorder of `run` to `path`, which is replaced; rows few at a time.

    Raises:
        RunError: The run recorded nothing, has no such recorder, or pyarrow is missing.
        OSError: `path` cannot be written.
    """
    arrow = extra("pyarrow", what="Parquet files", name="parquet")
    parquet = extra("pyarrow.parquet", what="Parquet files", name="parquet")
    k = run.recorder(recorder)
    rows = run.count(k)
    columns = run.columns(k, rows)
    schema = _schema(arrow, columns, dict(run.facts(k)))
    with parquet.ParquetWriter(path, schema) as writer:
        for batch in run.batches(columns, k, rows):
            writer.write_table(arrow.table(_arrays(arrow, columns, batch, schema), schema=schema))


def _schema(arrow: Any, columns: list[Titled], about: dict[str, str]) -> Any:
    fields = [arrow.field(ROW, arrow.int64())]
    fields += [arrow.field(c, arrow.float64(), metadata={"unit": "s"}) for c in CLOCKS]
    for column in columns:
        kind = _type(arrow, column.form)
        fields += [
            arrow.field(column.title, kind, metadata={"unit": column.unit, "name": column.name}),
            arrow.field(column.quality, arrow.string()),
        ]
    return arrow.schema(fields, metadata=about)


def _type(arrow: Any, form: Form) -> Any:
    if form.kind == "array" and form.dtype[1:2] in "fiub":
        import numpy as np

        inner = arrow.from_numpy_dtype(np.dtype(form.dtype).newbyteorder("="))
        for _ in form.shape:
            inner = arrow.list_(inner)
        return inner
    plain = {"real": arrow.float64(), "integer": arrow.int64(), "truth": arrow.bool_()}
    return plain.get(form.kind, arrow.string())


def _arrays(arrow: Any, columns: list[Titled], batch: Batch, schema: Any) -> list[Any]:
    forms = {column.title: column.form for column in columns}
    found = []
    for field in schema:
        cells = batch[field.name]
        if field.name in forms and field.type == arrow.string():
            cells = texts(cells)
        elif cells.ndim > 1:
            cells = cells.tolist()
        found.append(arrow.array(cells, type=field.type))
    return found

"""The codec: exact round trips in JSON and in bytes, and what becomes of unknown types."""

import array
import contextlib
import datetime as dt
import decimal
import enum
import fractions
import io
import json
import math
import subprocess
import sys
import uuid
import zoneinfo
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as npst

from funcnodes.core import JSONDecoder, JSONEncoder, NoValue, codec, units
from funcnodes.core.codec import copying, writing
from funcnodes.errors import SavedGraphError


class Colour(enum.Enum):
    RED = "r"
    BLUE = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class Sides(enum.Flag):
    LEFT = enum.auto()
    RIGHT = enum.auto()


@dataclass(frozen=True, slots=True)
class Peak:
    at: float
    widths: tuple[float, ...] = ()
    tags: dict[int, str] = field(default_factory=dict)


@dataclass
class Shouting:
    word: str
    count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.word = self.word.upper()


class Point(msgspec.Struct):
    x: int
    y: int = 0


Pair = namedtuple("Pair", "left right")

for _kind in (Colour, Level, Sides, Peak, Shouting, Point, Pair):
    codec.register(_kind)


def through_json(value: Any) -> Any:
    text = json.dumps(codec.to_json(value), allow_nan=False)
    return codec.from_json(json.loads(text))


def through_bytes(value: Any) -> Any:
    return codec.from_bytes(codec.to_bytes(value))


FORMS = pytest.mark.parametrize("through", [through_json, through_bytes])


def same(a: Any, b: Any) -> bool:
    """Equal in type and content, NaN equal to NaN, 0.0 unlike -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        if a.dtype.hasobject:
            return all(map(same, a.ravel().tolist(), b.ravel().tolist()))
        return a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            same(k, j) and same(v, w) for (k, v), (j, w) in zip(a.items(), b.items(), strict=True)
        )
    if isinstance(a, float):
        return repr(a) == repr(b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, dt.datetime | dt.time):
        return repr(a) == repr(b) and a.fold == b.fold and str(a.tzinfo) == str(b.tzinfo)
    return bool(a == b)


ZONES = ["Europe/Berlin", "America/St_Johns", "UTC"]
zones = (
    st.none()
    | st.sampled_from(ZONES).map(zoneinfo.ZoneInfo)
    | st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)).map(dt.timezone)
)
hashable = (
    st.integers() | st.text() | st.booleans() | st.binary(max_size=8)
    | st.tuples(st.integers(), st.text(max_size=3)) | st.sampled_from([*Colour, Level.LOW])
)  # fmt: skip
surrogates = st.text(st.characters(categories=["Cs", "Ll"]), max_size=4)
arrays = npst.arrays(
    dtype=npst.scalar_dtypes() | npst.array_dtypes(max_size=3),
    shape=npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | surrogates
    | st.binary(max_size=20) | st.binary(max_size=20).map(bytearray)
    | st.complex_numbers() | st.dates() | st.datetimes(timezones=zones) | st.times(timezones=zones)
    | st.timedeltas() | st.just(NoValue) | st.sampled_from([*Colour, Level.LOW])
    | st.sampled_from([Sides.LEFT, Sides.LEFT | Sides.RIGHT, Sides(0)])
    | st.fractions() | st.uuids() | st.decimals(allow_nan=False)
    | st.builds(range, st.integers(), st.integers(), st.integers(1)) | arrays
    | npst.scalar_dtypes().flatmap(npst.from_dtype)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.dictionaries(st.sampled_from(["$", "v", "a"]), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.sets(hashable, max_size=4)
        | st.frozensets(hashable, max_size=4)
        | st.builds(Peak, st.floats(), st.tuples(st.floats()), st.just({1: "a"}))
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(values)
def test_every_value_survives_json_exactly(value: Any) -> None:
    again = through_json(value)
    assert same(again, value) or _sets_inside(value)
    assert codec.to_json(again) == codec.to_json(value)


@settings(max_examples=150, deadline=None)
@given(values)
def test_every_value_survives_bytes_exactly(value: Any) -> None:
    again = through_bytes(value)
    assert same(again, value) or _sets_inside(value)
    assert codec.to_bytes(again) == codec.to_bytes(value)


def _sets_inside(value: Any) -> bool:
    """Named tuples and records compare by ==, which NaN inside them defeats."""
    return "nan" in repr(value).lower() or "Peak" in repr(value) or "NaT" in repr(value)


@FORMS
@pytest.mark.parametrize(
    "value",
    [
        2**65, -(2**63), 2**63, 10**6000, -(2**53), math.inf, -math.inf, -0.0, 1e308, 5e-324,
        complex(-0.0, math.inf), (), set(), b"\x00\xff", {1: "a", "1": "b", (2, 3): None},
        {"$": "int", "v": "3"}, {"$": 1}, "\ud800 half", {"\ud800": 1}, "µΩ∞", Colour.BLUE,
        Level.LOW, Sides.LEFT | Sides.RIGHT, Peak(1.5, (0.1,), {3: "x"}), Pair(1, [2]),
        decimal.Decimal("1.10"), fractions.Fraction(1, 3), uuid.UUID(int=5), Path("a/b"),
        range(0, 10, 3), slice(1, None), dt.timedelta(microseconds=-1), dt.time(1, 2, 3),
        dt.datetime(2026, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5), "lab")),
        np.float32(1.5), np.int64(3), np.bool_(True), np.datetime64("2026-01-01T00:00:00.5"),
        np.array(3.0), np.zeros((0, 3)), np.array(["ab", "c"]), np.array([b"x"]),
        np.array([[1, None], [(2, 3), "x"]], dtype=object),
        np.array([(1, 2.5, "ab")], dtype=[("n", "<i2"), ("v", ">f8", (1,)), ("t", "U3")]),
        np.arange(6).reshape(2, 3).T, np.array([1 + 2j, math.nan], dtype=">c8"),
        np.array(["2026", "NaT"], dtype="M8[ms]"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_plain_json_loses_comes_back_exactly(through: Any, value: Any) -> None:
    assert same(through(value), value)


@FORMS
def test_quantities_come_back_with_their_unit(through: Any) -> None:
    field_strength = units.quantity(np.array([1.5, 2.0]), "V/m**0.5")
    again = through([units.quantity(3, "mV"), units.quantity(21.5, "°C"), field_strength])
    assert again[0] == units.quantity(3, "mV")
    assert type(again[0].magnitude) is int
    assert str(again[1].units) == "degree_Celsius"
    assert again[2].units == field_strength.units
    assert again[2].magnitude.tolist() == [1.5, 2.0]


@FORMS
def test_an_array_that_came_back_can_be_written_to(through: Any) -> None:
    again = through(np.zeros(3))
    again[0] = 1.0
    assert again.tolist() == [1.0, 0.0, 0.0]


def test_an_array_travels_as_its_own_bytes() -> None:
    packed = codec.to_bytes(np.arange(1000, dtype="<f8"))
    assert np.arange(1000, dtype="<f8").tobytes() in packed
    assert len(packed) < 8000 + 60


def test_a_record_comes_back_as_it_was_not_as_its_constructor_would_make_it() -> None:
    shouting = Shouting("a")
    shouting.word, shouting.count = "quiet", 7
    assert through_json(shouting) == shouting
    assert through_json(Point(1, 2)) == Point(1, 2)


def test_the_encoder_and_decoder_work_with_files_too() -> None:
    sink = io.StringIO()
    json.dump({"a": (1, 2)}, sink, cls=JSONEncoder)
    assert json.loads(sink.getvalue(), cls=JSONDecoder) == {"a": (1, 2)}


def test_subclasses_of_built_in_types_come_back_as_those() -> None:
    class Loud(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "loud"

    assert through_json([Loud("x"), OrderedDict(a=1)]) == ["x", {"a": 1}]


# ── unknown types ─────────────────────────────────────────────────────────────────────────


class Whatever:
    """No codec knows it."""


@FORMS
def test_an_unknown_object_keeps_a_typed_marker_and_no_text(through: Any) -> None:
    again = through({"a": [Whatever()]})
    (found,) = again["a"]
    assert isinstance(found, codec.Unknown)
    assert found.type.endswith("Whatever")
    assert through(again) == again
    assert "object at" not in json.dumps(codec.to_json(Whatever()))


@pytest.mark.parametrize(
    "saved",
    [
        {"$": "object", "v": ["elsewhere.Peak", {"at": {"$": "tuple", "v": [1, 2]}}]},
        {"$": "enum", "v": ["elsewhere.Colour", "RED", {"$": "bytes", "v": "AAE="}]},
        {"$": "enum", "v": ["elsewhere.Sides", None, 3]},
        {"$": "opaque", "v": ["elsewhere.Socket"]},
        {"$": "hologram", "v": {"any": ["thing", 1]}},
        {"$": "datetime", "v": ["2026-01-01T00:00:00", 0, "Moon/Tycho"]},
        {"$": "quantity", "v": [3, [["furlongbananas", 1]]]},
    ],
    ids=lambda saved: str(saved["v"])[:30],
)
def test_a_value_of_a_type_that_is_not_here_survives_load_and_save(saved: Any) -> None:
    reading = codec.read_json([saved, 1])
    assert len(reading.unknown) == 1
    assert codec.to_json(reading.value) == [saved, 1]
    assert codec.to_json(through_bytes(reading.value)) == [saved, 1]


def test_a_record_whose_class_lost_a_field_is_kept_and_not_cut() -> None:
    name = codec.type_name(Peak)
    saved = {"$": "object", "v": [name, {"at": 1.0, "height": 2.0}]}
    reading = codec.read_json(saved)
    assert reading.unknown[0].type == name
    assert codec.to_json(reading.value) == saved


def test_a_record_whose_class_gained_a_field_takes_its_default() -> None:
    assert codec.from_json({"$": "object", "v": [codec.type_name(Peak), {"at": 1.0}]}) == Peak(1.0)


def test_a_file_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap_module.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for kind, content in (("object", {}), ("enum", "A")):
        name = ["trap_module.Trap", content] + ([1] if kind == "enum" else [])
        assert isinstance(codec.from_json({"$": kind, "v": name}), codec.Unknown)
    assert "trap_module" not in sys.modules


@pytest.mark.parametrize(
    "saved",
    [
        {"$": None, "v": 1}, {"$": "int"}, {"$": "int", "v": "x"}, {"$": "set", "v": [[1]]},
        {"$": "array", "v": ["<f8", [3], "AAAA"]}, {"$": "array", "v": ["O", [1], "AAAAAAAAAAA="]},
        {"$": "array", "v": ["<f8", [-1, 2], ""]}, {"$": "bytes", "v": "*"}, {"$": "tuple", "v": 3},
        {"$": "objects", "v": [[9], [1]]}, {"$": "dict", "v": [[[1], 2]]}, {"$": "date", "v": "x"},
        {"$": "array", "v": [[["a", "O"]], [1], "AAAAAAAAAAA="]}, {"$": "decimal", "v": "x"},
        {"$": "range", "v": [1, 2, 0]}, {"$": "enum", "v": []}, {"$": "fraction", "v": [1, 0]},
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_marker_is_one_plain_error(saved: Any) -> None:
    with pytest.raises(SavedGraphError):
        codec.from_json(saved)


def test_what_contains_itself_or_is_too_deep_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    for value in (loop, deep):
        with pytest.raises(codec.UnsavableError):
            codec.to_json(value)
        with pytest.raises(codec.UnsavableError):
            codec.to_bytes(value)
    with pytest.raises(SavedGraphError):
        codec.from_bytes(b"\x91" * 100_000 + b"\x01")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_plain_error(data: bytes) -> None:
    with contextlib.suppress(SavedGraphError):
        codec.from_bytes(data)


def test_the_codec_loads_neither_numpy_nor_pint_for_plain_values() -> None:
    code = (
        "import sys; from funcnodes.core import codec; codec.to_json([1, 'a', {2: (3,)}]);"
        "assert not {'numpy', 'pint', 'msgspec'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


# ── the quick way ─────────────────────────────────────────────────────────────────────────


class Word(str):
    pass


@pytest.mark.parametrize(
    "inside",
    [
        (1, 2), {1: "a"}, {None: 1}, {True: 1}, {Word("a"): 1}, Word("a"), Level.LOW, 2**53,
        -(2**53), 2**70, math.inf, math.nan, b"x", bytearray(b"x"), 1 + 2j, {"$": "tuple"}, "$",
        "\ud800", {1}, np.float64(1.5), np.bool_(True), np.str_("a"), np.int64(1),
        array.array("d", [1.0]), OrderedDict(a=(1,)), NoValue, dt.date(2020, 1, 1),
        [[[[[[[[1]]]]]]]],
    ],
    ids=repr,
)  # fmt: skip
def test_what_needs_a_marker_is_not_taken_by_the_quick_way(inside: Any) -> None:
    for value in ([1, inside], {"a": inside}, [{"a": [inside]}]):
        assert copying.copied(value) is None
        slow = writing.written(writing.Writer(binary=False), value)
        assert codec.to_json(value) == slow
        assert json.dumps(codec.to_json(value)) == json.dumps(slow)


@pytest.mark.parametrize(
    "value",
    [
        {}, {"a": 1, "b": [1.5, None, True, "é"]}, [{"x": 1, "y": -0.0}, {"x": 2, "y": 1e300}],
        [[1, 2], [3, 4.0]], {"a": {"b": {"c": [2**53 - 1]}}},
    ],
    ids=repr,
)  # fmt: skip
def test_the_quick_way_gives_an_equal_copy_and_nothing_of_the_original(value: Any) -> None:
    copy = codec.to_json(value)
    assert copying.copied(value) == value == copy
    assert json.dumps(copy) == json.dumps(value)
    assert copy is not value
    assert not _parts(copy) & _parts(value)


def _parts(value: Any) -> set[int]:
    """Every list and object inside, as such."""
    if not isinstance(value, list | dict):
        return set()
    items = value.values() if isinstance(value, dict) else value
    return {id(value)}.union(*map(_parts, items))


def test_a_value_inside_itself_is_left_to_the_long_way() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert copying.copied(circle) is None
    with pytest.raises(codec.UnsavableError):
        codec.to_json(circle)

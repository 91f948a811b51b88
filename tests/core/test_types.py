"""Port types: what annotations mean, which ports fit together, and what a set refuses."""

import enum
import math
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from funcnodes.core import (
    Node,
    NodeDecorator,
    NodeInput,
    NodeSpace,
    PortType,
    Range,
    Unit,
    codec,
    types,
    units,
)
from funcnodes.core.types import DType, Shape, conversion
from funcnodes.errors import PortMismatchError, ValueRefusedError

Volts = Annotated[float, Unit("V")]
Millivolts = Annotated[float, Unit("mV")]


class Mode(enum.Enum):
    FAST = "f"
    SLOW = "s"


@dataclass(frozen=True)
class Peak:
    at: Volts
    label: str = ""


class Spectrum:
    """Somebody's class."""


class Raman(Spectrum):
    """A kind of it."""


class Readable(Protocol):
    def read(self) -> str: ...


@pytest.mark.parametrize(
    ("annotation", "kind", "name", "spoken"),
    [
        (int, "number", "int", "a number"),
        (int | float, "number", "int | float", "a number"),
        (typing.Optional[str], "text", "str", "text"),  # noqa: UP045  # as older code has it
        (Literal["a", "b"], "text", "choice", "text"),
        (Literal[1, 2], "number", "choice", "a number"),
        (Mode, "text", "Mode", "text"),
        (list[float], "any", "list[float]", "a list of numbers"),
        (dict[str, int], "any", "dict[str, int]", "a mapping from text to numbers"),
        (tuple[int, str], "any", "tuple[int, str]", "a tuple of numbers and text"),
        (list[list[bool]], "any", "list[list[bool]]", "a list of a list of on/off values"),
        (float | list[float], "any", "float | list[float]", "a number or a list of numbers"),
        (Peak, "any", "Peak", "a Peak"),
        (Spectrum, "any", "Spectrum", "a Spectrum"),
        (np.ndarray, "array", "ndarray", "an array"),
        (npt.NDArray[np.float64], "array", "ndarray", "an array of float64"),
        (npt.NDArray[np.floating[Any]], "array", "ndarray", "an array"),
        (Annotated[np.ndarray, DType("int32"), Shape(None, 3)], "array", "ndarray",
         "an array of int32 of shape ?×3"),
        (np.ndarray[tuple[int, int], np.dtype[np.bool_]], "array", "ndarray",
         "an array of bool of shape ?×?"),
        (Volts, "quantity", "float", "a quantity"),
        (Annotated[Any, Unit("K")], "quantity", "any", "a quantity"),
        (bytes, "any", "bytes", "bytes"),
        (Any, "any", "any", "any"),
        (Readable, "any", "Readable", "Readable"),
        (Sequence[int], "any", "Sequence", "Sequence"),
    ],
    ids=str,
)  # fmt: skip
def test_an_annotation_gives_a_kind_a_name_and_words(
    annotation: Any, kind: str, name: str, spoken: str
) -> None:
    found = PortType.of(annotation)
    assert (found.kind, found.name, types.words(found)) == (kind, name, spoken)


FITS = [
    (int, float), (bool, float), (list[int], list[float]), (list[Any], list[str]),
    (list, list[int]), (list[int], list), (tuple[int, ...], list[int]), (Raman, Spectrum),
    (Spectrum, Raman), (Peak, Any), (float, float | str), (float | str, float),
    (list[float], np.ndarray), (npt.NDArray[np.float32], npt.NDArray[np.float64]),
    (Literal["a"], Literal["a", "b"]), (str, Mode), (Mode, Mode), (Readable, Spectrum),
    (Annotated[np.ndarray, Shape(None, 3)], Annotated[np.ndarray, Shape(5, 3)]),
    (list[Millivolts], list[Volts]), (dict[str, int], dict[str, float]),
]  # fmt: skip
REFUSED = [
    (str, float, "Text does not fit into a number."),
    (list[int], dict[str, int], "A list of numbers does not fit into a mapping from text to num"),
    (list[str], list[float], "A list of text does not fit into a list of numbers: Text does not"),
    (Spectrum, Peak, "A Spectrum does not fit into a Peak."),
    (str, float | bool, "Text does not fit into a number or an on/off value."),
    (str | bytes, np.ndarray, "Text or bytes does not fit into an array."),
    (Literal["a"], Literal["b"], "Text does not fit into text: they have no choice in common."),
    (str, np.ndarray, "Text does not fit into an array."),
    (tuple[int, int], tuple[int, int, int], "does not fit into a tuple of numbers and numbers and"),
    (npt.NDArray[np.complex128], npt.NDArray[np.float64], "complex128 does not fit into "
     "an array of float64: something would be lost."),
    (Annotated[np.ndarray, Shape(None, 3)], Annotated[np.ndarray, Shape(None, 2)],
     "An array of shape ?×3 does not fit into an array of shape ?×2."),
    (list[Annotated[float, Unit("s")]], list[Volts], "seconds do not fit into volts"),
    (bytes, complex, "Bytes does not fit into a complex number."),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target"), FITS, ids=str)
def test_these_types_fit(source: Any, target: Any) -> None:
    conversion(PortType.of(source), PortType.of(target))


@pytest.mark.parametrize(("source", "target", "sentence"), REFUSED, ids=str)
def test_these_types_are_refused_with_a_precise_sentence(
    source: Any, target: Any, sentence: str
) -> None:
    with pytest.raises(PortMismatchError) as raised:
        conversion(PortType.of(source), PortType.of(target))
    assert sentence.lower() in raised.value.message.lower()


@pytest.mark.parametrize("annotation", sorted({t for pair in FITS for t in pair}, key=str), ids=str)
def test_every_type_fits_itself_as_it_is(annotation: Any) -> None:
    kind = PortType.of(annotation)
    found = conversion(kind, kind)
    assert found is None or found == kind.accept


CONVERSIONS = [
    (list[Millivolts], list[Volts], [1500.0], [1.5]),
    (dict[str, Millivolts], dict[str, Volts], {"a": 500.0}, {"a": 0.5}),
    (tuple[Millivolts, int], tuple[Volts, int], (500.0, 2), (0.5, 2)),
    (tuple[int, ...], list[int], (1, 2), [1, 2]),
    (str, Mode, "FAST", Mode.FAST),
    (Literal["f", "x"], Mode, "f", Mode.FAST),
]


@pytest.mark.parametrize(("source", "target", "value", "expected"), CONVERSIONS, ids=str)
def test_a_wire_converts(source: Any, target: Any, value: Any, expected: Any) -> None:
    convert = conversion(PortType.of(source), PortType.of(target))
    assert convert is not None
    assert convert(value) == expected
    assert type(convert(value)) is type(expected)


def test_a_wire_casts_arrays_where_nothing_is_lost() -> None:
    convert = conversion(PortType.of(list[float]), PortType.of(npt.NDArray[np.float64]))
    assert convert is not None
    assert convert([1, 2]).dtype == np.float64
    narrow = conversion(PortType.of(np.ndarray), PortType.of(npt.NDArray[np.int32]))
    assert narrow is not None
    with pytest.raises(ValueRefusedError, match="something would be lost"):
        narrow(np.array([1.5]))


def test_a_wire_of_unknown_arrays_looks_at_their_shape() -> None:
    convert = conversion(PortType.of(Any), PortType.of(Annotated[np.ndarray, Shape(None, 3)]))
    assert convert is not None
    assert convert(np.zeros((5, 3))).shape == (5, 3)
    with pytest.raises(ValueRefusedError, match="An array of shape 3×5 is not an array of shape"):
        convert(np.zeros((3, 5)))


# ── setting ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("annotation", "given", "taken"),
    [
        (list[int], ["1", 2.0], [1, 2]),
        (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[int, ...], [1, 2, 3], (1, 2, 3)),
        (set[int], [1, 1, 2], {1, 2}),
        (dict[str, Volts], {"a": "250 mV"}, {"a": 0.25}),
        (Peak, {"at": "1.5 kV", "label": "x"}, Peak(1500.0, "x")),
        (Peak, Peak(1.0), Peak(1.0)),
        (Mode, "SLOW", Mode.SLOW),
        (Mode, "s", Mode.SLOW),
        (float | str, "abc", "abc"),
        (float | str, 2.5, 2.5),
        (float | list[float], [1, 2], [1.0, 2.0]),
        (complex, 2, 2 + 0j),
        (Volts, "3 mV", 0.003),
        (list[float] | None, None, None),
    ],
    ids=str,
)
def test_a_set_takes_what_it_can_read(annotation: Any, given: Any, taken: Any) -> None:
    found = PortType.of(annotation).accept(given)
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("annotation", "given", "sentence"),
    [
        (list[int], [1, "x"], "element 1: 'x' is not a number."),
        (list[int], "abc", "'abc' is not a list of numbers."),
        (tuple[int, str], [1], "[1] has 1 elements, not 2."),
        (list[Annotated[float, Unit("V"), Range(0, 5)]], [1, 7], "element 1: 7 V is outside 0 to"),
        (set[int], [[1]], "element 0: [1] is not a number."),
        (Peak, {"at": "x"}, "at: 'x' is not a number of V."),
        (Peak, {"at": 1, "height": 2}, "A Peak has no height."),
        (Peak, 3, "3 is not a Peak."),
        (Spectrum, "text", "'text' is not a Spectrum."),
        (float | list[float], "x", "'x' is neither a number or a list of numbers: 'x' is not"),
        (Mode, "QUICK", "'QUICK' is not one of FAST, SLOW."),
        (bytes, "text", "'text' is not bytes."),
    ],
    ids=str,
)
def test_a_set_refuses_with_a_precise_sentence(annotation: Any, given: Any, sentence: str) -> None:
    with pytest.raises(ValueRefusedError) as raised:
        PortType.of(annotation).accept(given)
    assert sentence in raised.value.message


STRANGE = [
    np.array([1.0, 2.0]), np.array([[1, 2], [3, 4]]), np.array([3.0]), np.array([]),
    np.array(["a"]), np.array(3.0), np.float32(2), np.int64(2), np.bool_(True), np.complex128(1j),
    np.str_("a"), Decimal("1.5"), Decimal("NaN"), Fraction(1, 2), math.nan, math.inf, 10**400,
    -(10**5000), 1 + 0j, None, "x", "\ud800", b"x", object(), range(3), ..., int,
    [np.array([1, 2])], {"a": np.array([1])}, {1, 2}, (1, 2), bytearray(b"x"),
]  # fmt: skip
ASKED: list[Any] = [
    int, float, bool, str, bytes, complex, Volts, Mode, Peak, Literal["a", "b"], Literal[1, 2],
    int | None, int | np.ndarray, int | str, float | list[float], list[int], dict[str, int],
    set[int], tuple[int, int], np.ndarray, npt.NDArray[np.float64], Annotated[int, Range(0, 5)],
    Annotated[list[float], Range(0, 1)], Any,
]  # fmt: skip


@pytest.mark.parametrize("annotation", ASKED, ids=str)
def test_whatever_is_set_is_taken_or_refused_in_one_short_sentence(annotation: Any) -> None:
    """And a plain number stays what Python has for one, whatever it was given as."""

    class Asked(Node):
        x = NodeInput(type=annotation)

    sentences = []
    for strange in STRANGE:
        node = Asked()
        try:
            node.inputs["x"].set_value(strange, does_trigger=False)
        except ValueRefusedError as error:
            sentences.append(error.message)
        else:
            is_plain = annotation in (int, float, bool, str)
            assert not is_plain or type(node.inputs["x"].value) is annotation
    assert not [each for each in sentences if len(each) > 200 or "\n" in each]


def test_an_array_is_no_number_and_a_single_value_of_numpy_is() -> None:
    assert PortType.of(float).accept(np.array(3.0)) == 3.0
    assert PortType.of(float).accept(Fraction(1, 2)) == 0.5
    assert PortType.of(int).accept(np.int64(2)) == 2
    assert PortType.of(bool).accept(np.bool_(True)) is True
    assert PortType.of(Literal["a", "b"]).accept(np.str_("a")) == "a"
    found = np.zeros(3)
    assert PortType.of(int | np.ndarray).accept(found) is found
    for kind in (float, int, Volts):
        with pytest.raises(ValueRefusedError, match="is not a number"):
            PortType.of(kind).accept(np.zeros(3))


def test_quantities_are_taken_in_the_ports_unit() -> None:
    kind = PortType.of(Volts)
    assert kind.accept(units.quantity(250, "mV")) == 0.25
    curve = PortType.of(Annotated[np.ndarray, Unit("V")])
    assert curve.accept(units.quantity(np.array([1.0, 2.0]), "kV")).tolist() == [1000.0, 2000.0]
    with pytest.raises(ValueRefusedError, match=r"seconds? do not fit into volts|second"):
        kind.accept(units.quantity(1, "s"))
    with pytest.raises(ValueRefusedError, match="has a unit"):
        PortType.of(float).accept(units.quantity(1, "s"))
    assert PortType.of(float).accept(units.quantity(1.5, "")) == 1.5


@NodeDecorator("test.types.supply")
def supply(v: Annotated[float, Unit("V"), Range(0, 30)] = 0.0, mode: Mode = Mode.FAST) -> float:
    return v


@NodeDecorator("test.types.wave")
def waveform(v: Annotated[np.ndarray, Unit("V"), Range(-1, 1)]) -> float:  # type: ignore[type-arg]  # any array
    return float(v.max())


def test_a_refused_set_names_port_value_unit_and_limit() -> None:
    node = supply(name="psu")
    with pytest.raises(ValueRefusedError) as raised:
        node.inputs["v"].value = "31000 mV"
    assert raised.value.message == "psu: v cannot be set: 31 V is outside 0 to 30 V."
    node.inputs["v"].value_options["step"] = 0.1
    with pytest.raises(ValueRefusedError) as raised:
        node.inputs["v"].value = 2.55
    assert raised.value.message == (
        "psu: v cannot be set: 2.55 V is not 0 V and a whole number of steps of 0.1 V."
    )
    node.inputs["v"].value = 2.7
    with pytest.raises(ValueRefusedError) as raised:
        waveform(name="awg").inputs["v"].value = np.array([0.0, np.nan, -2.0])
    assert raised.value.message == "awg: v cannot be set: −2 V is outside −1 to 1 V."


def test_an_enum_that_a_port_names_is_saved_and_restored() -> None:
    space = NodeSpace()
    node = space.add_node_instance(supply())
    node.inputs["mode"].value = "SLOW"
    again = NodeSpace()
    again.deserialize(space.serialize())
    assert again.get_node_by_id(node.uuid).inputs["mode"].value is Mode.SLOW
    assert codec.from_json(codec.to_json(Peak(1.0))) == PortType.of(Peak).accept({"at": 1.0})


numbers = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6)


@given(st.lists(numbers))
def test_accepting_again_changes_nothing(values: list[float]) -> None:
    for annotation in (list[float], tuple[float, ...], list[float | str], list[int | float]):
        kind = PortType.of(annotation)
        once = kind.accept(values)
        assert kind.accept(once) == once


@given(st.lists(numbers), st.sampled_from(["V", "mV", "kV", "µV"]))
def test_a_list_of_quantities_goes_there_and_back(values: list[float], unit: str) -> None:
    here = PortType.of(list[Volts])
    there = PortType.of(list[Annotated[float, Unit(unit)]])
    convert, back = conversion(here, there), conversion(there, here)
    moved = convert(values) if convert else values
    returned = back(moved) if back else moved
    assert returned == pytest.approx(values)


simple = st.sampled_from([int, float, str, bool, bytes, Volts, Mode, Peak, np.ndarray, Any])
annotations = st.recursive(
    simple,
    lambda inner: inner.map(lambda t: list[t]) | inner.map(lambda t: dict[str, t]),  # type: ignore[valid-type]  # made at run time
    max_leaves=4,
)


@given(annotations, annotations)
def test_any_two_types_fit_or_are_refused_in_one_sentence(source: Any, target: Any) -> None:
    refusals = []
    try:
        conversion(PortType.of(source), PortType.of(target))
    except PortMismatchError as error:
        refusals.append(error.message)
    assert all(text.endswith(".") and "PortType" not in text for text in refusals)

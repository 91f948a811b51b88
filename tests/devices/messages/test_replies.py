"""Replies are values, qualities or a ReplyError, never a guess (D3)."""

import math
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from funcnodes.devices.messages import replies
from funcnodes.devices.messages.replies import Identity
from funcnodes.errors import ReplyError


@pytest.mark.parametrize(
    ("text", "value"),
    [("+6.880000E-01", 0.688), ("-1", -1.0), (" 5. ", 5.0), (".5", 0.5), ("1E3", 1000.0)],
)
def test_a_number_is_read(text: str, value: float) -> None:
    assert replies.number(text) == (value, "ok")


@pytest.mark.parametrize(
    ("text", "quality"),
    [
        ("9.9E37", "overrange"),
        ("+9.900000E+37", "overrange"),
        ("-9.9E37", "overrange"),
        ("9.91E37", "missing"),
        ("+9.910000E+37", "missing"),
    ],
)
def test_no_number_is_nan_with_a_quality(text: str, quality: str) -> None:
    """D3."""
    value, found = replies.number(text)
    assert math.isnan(value)
    assert found == quality


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", "1,2", "0x10", "1.5 V", "１", "--1"])
def test_what_is_not_exactly_a_number_is_refused(text: str) -> None:
    with pytest.raises(ReplyError, match="not a number"):
        replies.number(text)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30))
def test_every_number_an_instrument_can_write_comes_back(value: float) -> None:
    assert replies.number(f"{value:+.16e}") == (value, "ok")


@given(st.text(max_size=80))
def test_no_reply_breaks_a_parser(text: str) -> None:
    for parser in (
        replies.number, replies.integer, replies.boolean, replies.word, replies.identity,
        replies.error_entry,
    ):  # fmt: skip
        with suppress(ReplyError):
            parser(text)


def test_an_identity_survives_commas_in_its_firmware() -> None:
    found = replies.identity("KEITHLEY INSTRUMENTS INC.,MODEL 2400,123,C33 a,b /K")
    assert found == Identity("KEITHLEY INSTRUMENTS INC.", "MODEL 2400", "123", "C33 a,b /K")
    assert replies.identity(str(found)) == found


def test_the_same_unit_may_have_new_firmware() -> None:
    old, new = Identity("A", "B", "7", "1.0"), Identity("A", "B", "7", "2.0")
    assert old.same_unit(new)
    assert not old.same_unit(Identity("A", "B", "8", "1.0"))


def test_an_error_entry_has_a_number_and_a_text() -> None:
    assert replies.error_entry('-113,"Undefined header"') == (-113, "Undefined header")
    assert replies.error_entry('+0,"No error"') == (0, "No error")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("ACME,ONE,7,1.0", ("ACME", "ONE", "7", "1.0")),
        ("ACME, ONE ,7", ("ACME", "ONE", "7", "")),
        ("ACME,ONE", ("ACME", "ONE", "", "")),
        ("SR830", ("", "SR830", "", "")),
        (",SR830,,", ("", "SR830", "", "")),
    ],
)
def test_an_identity_may_have_fewer_fields_and_is_read_back_as_written(
    text: str, fields: tuple[str, ...]
) -> None:
    found = replies.identity(text)
    assert (found.maker, found.model, found.serial, found.firmware) == fields
    assert replies.read_identity(str(found)) == found
    assert found.is_known


@pytest.mark.parametrize("text", ["", "1.5", "1,2,3", "-1.5E+3", "0,0", "#"])
def test_numbers_are_no_identity(text: str) -> None:
    with pytest.raises(ReplyError, match="is no identification"):
        replies.identity(text)


def test_two_identities_differ_in_what_is_named_and_in_nothing_else() -> None:
    one = replies.Identity("ACME", "ONE", "7", "1.0")
    assert one.unlike(replies.Identity("ACME", "ONE", "7", "2.0")) == (
        "its firmware is '1.0', not '2.0'"
    )
    assert one.unlike(one) == ""
    assert one.unlike(replies.Identity("ACME", "TWO", "", "2.0")) == (
        "its model is 'ONE', not 'TWO' and its serial number is '7', not (none)"
    )

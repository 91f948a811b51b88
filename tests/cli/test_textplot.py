"""A curve in characters."""

import math

from funcnodes.cli.textplot import text_plot


def drawn(lines: list[str]) -> list[str]:
    """The drawing without labels and axes."""
    return [line.partition("|")[2] for line in lines if "|" in line]


def test_a_rising_line_goes_from_the_lower_left_to_the_upper_right() -> None:
    n = list(range(50))
    lines = drawn(text_plot(n, n, width=40, height=5, braille=False))
    assert lines[0].rstrip().endswith("*")
    assert lines[-1].startswith("*")
    assert [line.index("*") for line in lines] == sorted(
        (line.index("*") for line in lines), reverse=True
    )


def test_limits_stand_at_the_axes_with_units() -> None:
    lines = text_plot([0, 0.7], [0, 0.02], x_unit="V", y_unit="A", title="I against V")
    assert lines[0].strip() == "I against V"
    assert lines[1].startswith("20 mA │")
    assert lines[-3].lstrip().startswith("0 A │")
    assert lines[-1].split() == ["0", "V", "700", "mV"]
    assert max(map(len, lines)) <= 72


def test_a_flat_line_is_drawn_in_the_middle() -> None:
    lines = drawn(text_plot([0, 1, 2], [5, 5, 5], width=40, height=5, braille=False))
    assert [bool(line.strip()) for line in lines] == [False, False, True, False, False]


def test_points_that_are_no_numbers_are_left_out() -> None:
    assert text_plot([None, 1.0, math.inf], [1.0, None, 1.0]) == []
    assert text_plot([], []) == []
    assert drawn(text_plot([0.0, 1.0], [1.0, math.nan], braille=False))


def test_a_braille_character_holds_two_by_four_points() -> None:
    columns = 30 - len("3 ") - 1
    xs = [0.0] * 4 + [columns * 2 - 1.0]
    (line, *_) = text_plot(xs, [0, 1, 2, 3, 3], width=30, height=1)
    cells = line.partition("│")[2]
    assert cells[0] == "\u2847", "all four dots on the left"
    assert cells[-1] == "\u2808", "the upper dot on the right"

"""What is worth noting of a parameter: changes, edges, that it is as it was, and what is lost."""

from hypothesis import given, strategies as st

from funcnodes.history.noting import Note, Noting


def noted(noting: Noting, *seen: tuple[float, object]) -> list[tuple[float, object]]:
    """Times and values that are noted of these."""
    return [
        (note.t, note.value)
        for t, value in seen
        for note in noting.offer(Note(t, value))  # type: ignore[arg-type]  # plain values
    ]


def test_within_the_deadband_nothing_is_noted_but_once_in_a_while() -> None:
    noting = Noting(deadband=0.5, every_s=10)
    seen = [(float(t), 20 + 0.1 * (t % 3)) for t in range(25)]
    assert [t for t, _ in noted(noting, *seen)] == [0, 10, 20]


def test_an_edge_is_one_the_last_value_before_it_is_noted_too() -> None:
    noting = Noting(every_s=600)
    found = noted(noting, (0, 1.0), (50, 1.0), (99, 1.0), (100, 2.0), (101, "off"), (102, "off"))
    assert found == [(0, 1.0), (99, 1.0), (100, 2.0), (101, "off")]


def test_a_slow_drift_is_noted_once_it_has_come_beyond_the_deadband() -> None:
    found = noted(Noting(deadband=1.0), *((float(t), 0.3 * t) for t in range(10)))
    assert [round(v, 1) for _, v in found] == [0, 0.9, 1.2, 2.1, 2.4]  # type: ignore[call-overload]


def test_what_changes_too_fast_is_noted_last_of_all() -> None:
    noting = Noting(least_s=0.1)
    assert noted(noting, (0, 0.0), (0.02, 1.0), (0.04, 2.0)) == [(0, 0.0)]
    assert noting.is_held
    assert [*noting.settle(0.05)] == []
    assert [*noting.settle(1.0)] == [Note(0.04, 2.0)]
    assert not noting.is_held


def test_a_change_of_quality_is_a_change_and_what_is_lost_is_missing() -> None:
    noting = Noting(deadband=5)
    assert noted(noting, (0, 1.0)) == [(0, 1.0)]
    assert [*noting.offer(Note(1, None, "overrange"))] == [Note(1, None, "overrange")]
    assert [*noting.offer(Note(2, None, "overrange"))] == []
    assert [*noting.lose(9)] == [Note(2, None, "overrange"), Note(9, None, "missing")]
    assert [*noting.lose(10)] == []
    assert noted(noting, (11, 1.0)) == [(11, 1.0)]


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    assert noted(Noting(), (100, 1.0), (50, 1.0), (51, 2.0)) == [(100, 1.0), (50, 1.0), (51, 2.0)]


@given(
    st.lists(st.tuples(st.floats(0, 0.5), st.floats(-3, 3)), min_size=1, max_size=60),
    st.sampled_from([0.0, 0.4]),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_at_any_time_what_was_noted_last_is_within_the_deadband_of_what_was_seen(
    steps: list[tuple[float, float]], deadband: float, least_s: float
) -> None:
    """But for `least_s`; and after `settle` always."""
    noting, t, kept = Noting(deadband=deadband, least_s=least_s, every_s=5), 0.0, list[Note]()
    for wait, value in steps:
        t += wait
        kept += noting.offer(Note(t, value))
        if t - kept[-1].t >= least_s:
            assert abs(kept[-1].value - value) <= deadband  # type: ignore[operator]
    kept += noting.settle(t + 2 * least_s + 1e-9)
    assert abs(kept[-1].value - steps[-1][1]) <= deadband  # type: ignore[operator]
    assert [note.t for note in kept] == sorted(note.t for note in kept)

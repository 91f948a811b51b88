"""Whatever stands in a bench file's rules, it is understood or refused in one plain sentence."""

from typing import Any

from hypothesis import given, strategies as st

from funcnodes.devices.benchfile.rules import LIMITS, Rules, read_rules
from funcnodes.devices.benchfile.tables import Tables
from funcnodes.errors import BenchError

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from(["estop", "refuse", "minor", "4 K", "500 ms", "a@b.c", "http://x/", "none"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


def table(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from([*keys, "other"]), VALUES, max_size=5)


INTERLOCKS = table(
    "name", "when", "then", "devices", "writes", "latching", "on_lost", "grace_s", "every_s"
)
ALARMS = table("name", "source", *LIMITS, "hysteresis", "delay_s", "latch", "severities", "states")
NOTIFY = st.fixed_dictionaries(
    {},
    optional={
        "at_least": VALUES,
        "mail": VALUES | table("to", "sender", "server", "port", "tls", "user", "password"),
        "webhook": VALUES | table("url", "token"),
    },
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "interlock": st.lists(INTERLOCKS, max_size=2) | VALUES,
        "alarm": st.lists(ALARMS, max_size=2) | VALUES,
        "notify": NOTIFY | VALUES,
    },
)


@given(FILES)
def test_rules_are_read_or_refused_by_place(data: dict[str, Any]) -> None:
    found: Rules | BenchError
    try:
        found = read_rules(Tables("bench.toml"), data)
    except BenchError as error:
        found = error
    if isinstance(found, BenchError):
        assert found.message.startswith("bench.toml: ")
        assert found.context["key"] in found.message
    else:
        assert len(found.interlocks) == len(data.get("interlock", []))


def test_rules_that_are_not_there_are_none() -> None:
    assert read_rules(Tables("bench.toml"), {}) == Rules()

"""docs/reliability.md promises nothing without a test, and names only tests that are there."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "reliability.md"
TABLES = ("## Measured", "## Who is kept out", "## Bad input", "## Faults")


def defined() -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    return {name for text in texts for name in re.findall(r"def (test_\w+)", text)}


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert named
    assert named - defined() == set()


def test_every_line_of_a_table_names_one() -> None:
    page = PAGE.read_text(encoding="utf-8")
    sections = [each for each in page.split("\n## ") if f"## {each}".startswith(TABLES)]
    assert len(sections) == len(TABLES)
    for section in sections:
        rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
        assert rows
        assert [row for row in rows if "`test_" not in row] == []

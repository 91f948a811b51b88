"""One word, one meaning: no public class has the name of another one in the package."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "funcnodes"


def homes() -> dict[str, list[str]]:
    """The modules that have a public class of each name."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for each in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
                found[each.name].append(path.relative_to(PACKAGE).as_posix())
    return found


def test_no_public_class_has_the_name_of_another() -> None:
    assert {name: where for name, where in homes().items() if len(where) > 1} == {}

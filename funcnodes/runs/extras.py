"""Packages that only some exports need: loaded when they are used, missing in one sentence."""

import importlib
from typing import Any

from funcnodes.errors import RunError


def extra(package: str, *, what: str, name: str = "") -> Any:
    """The module `package`, which the extra `name` of funcnodes brings (the same name if "").

    Args:
        what: What it is needed for, as the sentence begins with it: "HDF5 files".

    Raises:
        RunError: It is not installed; the sentence names the pip command.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise RunError(
            f"{what} need {package}, which is not installed: "
            f"pip install 'funcnodes[{name or package}]'.",
            package=package,
        ) from error

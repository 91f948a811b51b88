"""What a run of a script has recorded, in memory: as arrays, or for pandas, polars and xarray.

Read from its file, while the run goes on too: what is on disk by then. The words are those of
`RunReader`.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from funcnodes.runs import RunReader


class FromFile(ABC):
    """Whoever has a run file."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """Where its file is."""

    def to_numpy(self, recorder: str = "", *, shaped: bool = False) -> dict[str, Any]:
        """Its columns as arrays, by name; see `RunReader.to_numpy`.

        Raises:
            RunError: It has not begun, has no rows, or has no such recorder.
        """
        return RunReader(self.path).to_numpy(recorder, shaped=shaped)

    def to_pandas(self, recorder: str = "") -> Any:
        """A pandas DataFrame; see `RunReader.to_pandas`.

        Raises:
            RunError: As `to_numpy`, or pandas is missing.
        """
        return RunReader(self.path).to_pandas(recorder)

    def to_polars(self, recorder: str = "") -> Any:
        """A polars DataFrame; see `RunReader.to_polars`.

        Raises:
            RunError: As `to_numpy`, or polars is missing.
        """
        return RunReader(self.path).to_polars(recorder)

    def to_xarray(self, recorder: str = "", *, shaped: bool | None = None) -> Any:
        """An xarray Dataset; see `RunReader.to_xarray`.

        Raises:
            RunError: As `to_numpy`, or xarray is missing.
        """
        return RunReader(self.path).to_xarray(recorder, shaped=shaped)

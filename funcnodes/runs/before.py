"""What is asked before a run: what the bench or the settings require to be said of it.

A run without it does not start. A sample that is on the list is kept with its row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from funcnodes.devices.benchfile.file import BEFORE_RUN, BenchConfig
from funcnodes.errors import RunError
from funcnodes.runs.records import RunAbout
from funcnodes.runs.samples import SampleList

AskAbout = Callable[[Sequence[str], SampleList | None], Mapping[str, str]]
"""Asks a person for these fields; gives what was answered."""
OPTIONS = {"sample": "--sample", "project": "--project", "operator": "--operator",
           "notes": "--note"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BeforeRun:
    """What has to be said of every run of a workspace.

    Attributes:
        required: Of `BEFORE_RUN`, by the settings; a bench may ask for more.
        samples: The list, or None where there is none.
        asks: Off for what is no measurement, such as a dry run.
    """

    required: Sequence[str] = ()
    samples: SampleList | None = None
    asks: bool = True

    def fields(self, bench: BenchConfig | None) -> list[str]:
        """What is required, in the order in which people are asked."""
        wanted = {*self.required, *(bench.before_run if bench is not None else ())}
        return [field for field in BEFORE_RUN if field in wanted and self.asks]

    def missing(self, about: RunAbout, bench: BenchConfig | None) -> list[str]:
        """What is required and was not said."""
        return [field for field in self.fields(bench) if not getattr(about, field).strip()]

    def completed(
        self, about: RunAbout, bench: BenchConfig | None, *, ask: AskAbout | None
    ) -> RunAbout:
        """As `checked`, but what is missing is asked for, where somebody can be asked."""
        missing = self.missing(about, bench)
        if missing and ask is not None:
            about = msgspec.structs.replace(about, **ask(missing, self.samples)).checked()
        return self.checked(about, bench)

    def checked(self, about: RunAbout, bench: BenchConfig | None) -> RunAbout:
        """The same, with the row of its sample.

        Raises:
            RunError: Something that is required is missing, or the sample is not on the list of a
                bench that asks for one that is.
        """
        missing = self.missing(about, bench)
        if missing:
            raise RunError(
                f"Before a run {_asker(bench, missing)} for {' and '.join(missing)}.",
                hint=f"Say it under Next run, or by {' '.join(OPTIONS[each] for each in missing)}.",
                missing=missing,
            )
        entry = self.samples.find(about.sample) if self.samples and about.sample else None
        if entry is not None:
            return msgspec.structs.replace(about, sample=entry.id, sample_row=entry.row)
        if about.sample and self.asks and bench is not None and bench.listed_samples:
            raise RunError(
                f"There is no sample {about.sample!r} on the list, as this bench asks for.",
                hint="'funcnodes samples list' has them, 'funcnodes samples add' adds one.",
                sample=about.sample,
            )
        return about


def _asker(bench: BenchConfig | None, missing: Sequence[str]) -> str:
    if bench is not None and set(missing) <= set(bench.before_run):
        return f"the bench {bench.name!r} asks"
    return "it is asked"

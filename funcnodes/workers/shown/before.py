"""What a page has to know before a run: what is asked for, and the samples that there are."""

from funcnodes.devices.benchfile import BenchConfig
from funcnodes.runs.before import BeforeRun
from funcnodes.workers import schema

MOST = 500


def before_run_view(before: BeforeRun, bench: BenchConfig | None) -> schema.BeforeRunView:
    """What has to be said of a run on that bench.

    Raises:
        RunError: The list of samples cannot be read.
    """
    entries = before.samples.all() if before.samples is not None else []
    return schema.BeforeRunView(
        required=before.fields(bench),
        listed=bench is not None and bench.listed_samples,
        samples=[
            schema.SampleView(id=each.id, name=each.name, more=each.more)
            for each in entries[-MOST:]
        ],
        count=len(entries),
    )

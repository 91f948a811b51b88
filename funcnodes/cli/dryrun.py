"""`funcnodes run FILE --dry-run`: what a run would do, told before anything is touched."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from funcnodes.cli.output import complain, print_json
from funcnodes.settings import Settings

if TYPE_CHECKING:
    from funcnodes.runs.assignments import Assigned, Assignment


def dry_run(
    settings: Settings,
    file: Path,
    sets: "Sequence[Assignment]",
    answers: "Sequence[Assigned]",
    *,
    bench: Path | None,
    simulators: Path | None,
    evidence: Path | None,
    as_json: bool,
) -> int:
    """Print the report; exit status 1 where the run would be refused or fail."""
    import msgspec

    from funcnodes.runs import dryrun

    report = dryrun.dry_run(
        settings, file, sets=sets, answers=answers, bench=bench, simulators=simulators
    )
    if evidence is not None:
        dryrun.Evidence.of(report, made=time.time()).save(evidence)
    if as_json:
        print_json({**msgspec.to_builtins(report), "fine": report.is_fine})
    else:
        for line in report.lines():
            print(line)
    if report.is_fine:
        return 0
    why = report.refused[0] if report.refused else f"The run would be {report.state}: "
    return complain(why if report.refused else f"{why}{report.message}")

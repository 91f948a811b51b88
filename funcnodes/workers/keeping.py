"""What a worker does for its runs when they are over: finds them, and empties their bin in time."""

import asyncio
import contextlib
from collections.abc import Callable

from funcnodes.catalogue import Asked, Catalogue, RunFolder, empty_bins
from funcnodes.errors import FuncnodesError
from funcnodes.runs import RunHead
from funcnodes.runs.before import BeforeRun
from funcnodes.runs.samples import SampleList
from funcnodes.settings import Settings
from funcnodes.workers.threads import in_thread
from funcnodes.workers.workspace import Workspace

EVERY_S = 6 * 3600.0


class RunKeeping:
    """The finished runs of one worker.

    Args:
        say: Told in a sentence of what was done, on the loop.
    """

    def __init__(self, workspace: Workspace, say: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._catalogue = Catalogue(workspace.config_dir)
        self._say = say

    def find(self, search: str, limit: int) -> list[RunHead]:
        """The runs that have all these words, newest first. Blocks.

        Raises:
            RunError: They cannot be searched.
        """
        folder = RunFolder(self._workspace.runs_dir, self._workspace.record.name)
        found = self._catalogue.find(Asked(search=search, limit=limit), [folder])
        return [each.head for each in found.runs]

    def before_run(self) -> BeforeRun:
        """What has to be said of every run, by the settings as they are now.

        Raises:
            FuncnodesError: The settings say nothing that can be.
        """
        settings = Settings.load(config_dir=self._workspace.config_dir)
        return BeforeRun(settings.before_run, SampleList(self._workspace.samples_path))

    async def tidy_for_ever(self) -> None:
        """Empty the bin of what has lain there for too long, now and again and again."""
        while True:
            with contextlib.suppress(FuncnodesError):  # settings that are none, which others tell
                await self.tidy()
            await asyncio.sleep(EVERY_S)

    async def tidy(self) -> None:
        """Empty the bin of what has lain there for too long, and say so.

        Raises:
            FuncnodesError: The settings say nothing that can be.
        """
        settings = Settings.load(config_dir=self._workspace.config_dir)
        folder = self._workspace.runs_dir
        done = await in_thread(
            lambda: empty_bins([folder], bin_days=settings.bin_days, max_bytes=settings.runs_bytes),
            name="empty the bin",
        )
        if done.deleted:
            count = len(done.deleted)
            runs = "A deleted run was" if count == 1 else f"{count} deleted runs were"
            self._say(f"{runs} taken out of the bin for good, as their time was over.")
        for why in done.failed:
            self._say(why)
        for _, taken in done.over:
            limit = settings.runs_bytes or 0
            self._say(
                f"The runs take {taken / 1e9:.2f} GB of the {limit / 1e9:g} GB that they may: "
                "delete some, or 'funcnodes runs tidy --older-than' does."
            )

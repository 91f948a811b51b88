"""The catalogue of all runs: an index over the folders of every worker and any that people add.

What it knows it knows from the run files, so it can be thrown away at any time; they never depend
on it. Sits on `runs`; workers and the command line sit on it.
"""

from funcnodes.catalogue.catalogue import Catalogue, Listing
from funcnodes.catalogue.folders import AddedFolders, RunFolder
from funcnodes.catalogue.index import Asked, Listed
from funcnodes.catalogue.tidying import Tidied, empty_bins, put_into_bin

__all__ = [
    "AddedFolders", "Asked", "Catalogue", "Listed", "Listing", "RunFolder", "Tidied",
    "empty_bins", "put_into_bin",
]  # fmt: skip

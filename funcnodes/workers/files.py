"""Small private files that are replaced whole; they are in `funcnodes.machine`."""

from funcnodes.machine.files import read_json, sync_dir, write_json, write_private

__all__ = ["read_json", "sync_dir", "write_json", "write_private"]

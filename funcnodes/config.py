"""The import path under which users know the configuration; `CONFIG_DIR` is read when asked for."""

from typing import TYPE_CHECKING, Any

from funcnodes.core.render import RenderOptions
from funcnodes.settings import DEFAULT_PORT, Settings

if TYPE_CHECKING:
    CONFIG_DIR: str

__all__ = ["CONFIG_DIR", "DEFAULT_PORT", "RenderOptions", "Settings"]


def __getattr__(name: str) -> Any:
    if name == "CONFIG_DIR":
        return str(Settings.load().config_dir)
    raise AttributeError(f"module 'funcnodes.config' has no attribute {name!r}")

"""The owner of one instrument's channel, and the conversation that it holds there."""

from funcnodes.devices.link.link import BACKOFF_S, Link, OnConnected

__all__ = [
    "BACKOFF_S", "Link", "OnConnected",
]  # fmt: skip

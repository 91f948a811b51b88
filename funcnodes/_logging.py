"""The import path under which users know where funcnodes logs to."""

import logging

FUNCNODES_LOGGER = logging.getLogger("funcnodes")


def get_logger(name: str, propagate: bool = True) -> logging.Logger:
    """A logger below `funcnodes`; without `propagate` its lines go nowhere else by themselves."""
    logger = FUNCNODES_LOGGER.getChild(name)
    logger.propagate = propagate
    return logger

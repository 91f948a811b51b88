"""Instruments in the manner of Keysight's."""

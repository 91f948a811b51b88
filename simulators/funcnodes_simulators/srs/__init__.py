"""Instruments in the manner of Stanford Research Systems's."""

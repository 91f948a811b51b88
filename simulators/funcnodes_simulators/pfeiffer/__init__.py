"""Instruments in the manner of Pfeiffer Vacuum's."""

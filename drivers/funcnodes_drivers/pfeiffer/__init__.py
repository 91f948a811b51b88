"""Instruments of Pfeiffer Vacuum."""

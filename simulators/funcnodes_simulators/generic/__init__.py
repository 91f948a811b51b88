"""Instruments that a file describes: a table of settings, or a definition file of pyvisa-sim."""

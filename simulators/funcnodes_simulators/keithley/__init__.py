"""Instruments in the manner of Keithley (Tektronix)'s."""

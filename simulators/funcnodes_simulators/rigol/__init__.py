"""Instruments in the manner of Rigol's."""

"""Instruments of Rigol."""

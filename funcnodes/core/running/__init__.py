"""Waves and the engine: what one stimulus sets off, when it runs, and when it has come to rest."""

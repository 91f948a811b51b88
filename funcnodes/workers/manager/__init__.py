"""Whoever starts and watches workers and relays for them, and the ways to it."""

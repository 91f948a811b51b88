"""Edits of a nodespace, each with its inverse."""

"""Nodespaces: nodes and edges that belong together, where they come from, and their saved form."""

"""Nodes and their ports, and the ways of making them."""

"""Drivers that ship with funcnodes: one package per vendor, one module per model."""

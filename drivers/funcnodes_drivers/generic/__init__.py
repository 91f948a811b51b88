"""Drivers that fit many instruments."""

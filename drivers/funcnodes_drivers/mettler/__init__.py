"""Mettler-Toledo."""

"""What `core.units` is made of: the registry of units, and scales that are no straight line."""

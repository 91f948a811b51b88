"""New Era Pump Systems."""

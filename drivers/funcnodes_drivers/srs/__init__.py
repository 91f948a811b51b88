"""Stanford Research Systems."""

"""What a simulated instrument is, what to derive one from, and which there are."""

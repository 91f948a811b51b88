"""The latch of an E-STOP, and the bytes that another thread or process writes for it."""

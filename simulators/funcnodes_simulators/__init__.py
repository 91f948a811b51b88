"""A simulated bench that speaks the bytes of real instruments over real wires."""

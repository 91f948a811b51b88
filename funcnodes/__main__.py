"""`python -m funcnodes` is `funcnodes`."""

from funcnodes.cli import main

main()

"""A supply of a maker that funcnodes does not know."""

DRIVERS = {"acme.psu1": "acme_supply.driver:Psu1"}

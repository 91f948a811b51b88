"""Instruments in the manner of Lake Shore Cryotronics's."""

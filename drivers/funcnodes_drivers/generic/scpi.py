"""Any instrument that speaks SCPI: it says who it is and answers raw queries.

Raw writes are refused, since nothing is known of its limits and safe state. Source: SCPI-99,
volume 1, and IEEE 488.2, section 10.
"""

from funcnodes.devices import ScpiDevice, driver, measurement


@driver("scpi", title="SCPI instrument", manual="IEEE 488.2-1992, section 10")
class AnyScpi(ScpiDevice):
    """An instrument without a driver of its own."""

    status_byte = measurement(
        int, "*STB?", title="Status byte",
        doc="Measure the status byte.",
        source="IEEE 488.2-1992, 10.36",
    )  # fmt: skip

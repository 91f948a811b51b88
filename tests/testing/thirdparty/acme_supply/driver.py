"""The driver of the ACME PSU1. Source of all facts: nobody, there is no such instrument."""

from funcnodes.devices import Idn, Range, ScpiDevice, control, driver, measurement


@driver("acme.psu1", title="ACME PSU1", match=Idn("ACME", "PSU1"))
class Psu1(ScpiDevice):
    voltage = control(float, ":VOLT?", ":VOLT {v:g}", unit="V", limits=Range(0, 30))
    output = control(bool, ":OUTP?", ":OUTP {v:d}", safe=False)
    current = measurement(float, ":CURR?", unit="A")

"""Drivers that ship with funcnodes: one package per vendor, one module per model."""

DRIVERS = {
    "keithley.smu2400": "funcnodes_drivers.keithley.smu2400:Smu2400",
    "keysight.dmm34461a": "funcnodes_drivers.keysight.dmm34461a:Dmm34461a",
    "keysight.e36312a": "funcnodes_drivers.keysight.e36312a:E36312a",
    "lakeshore.model335": "funcnodes_drivers.lakeshore.model335:Model335",
    "mettler.sics": "funcnodes_drivers.mettler.sics:Sics",
    "newera.ne1000": "funcnodes_drivers.newera.ne1000:Ne1000",
    "pfeiffer.tc400": "funcnodes_drivers.pfeiffer.tc400:Tc400",
    "pfeiffer.tpg362": "funcnodes_drivers.pfeiffer.tpg362:Tpg362",
    "rigol.ds1054z": "funcnodes_drivers.rigol.ds1054z:Ds1054z",
    "srs.sr830": "funcnodes_drivers.srs.sr830:Sr830",
    "scpi": "funcnodes_drivers.generic.scpi:AnyScpi",
}

"""Device energy: what a question takes from this device, measured where the hardware counts it, modelled elsewhere."""

from edge_agent.energy.meters import Choice, Hardware, MeterStatus, describe, meter_for
from edge_agent.energy.modelled import ModelledMeter
from edge_agent.energy.power_supply import SystemBattery
from edge_agent.energy.profile import Calibration, Profile, this_machine

__all__ = [
    "Calibration",
    "Choice",
    "Hardware",
    "MeterStatus",
    "ModelledMeter",
    "Profile",
    "SystemBattery",
    "describe",
    "meter_for",
    "this_machine",
]

"""Device energy: what a question takes from this device, measured where the hardware counts it, modelled elsewhere."""

from edge_agent.energy.battery import BatteryState, battery_state
from edge_agent.energy.meters import MeterStatus, best_meter, describe, meter_for
from edge_agent.energy.modelled import ModelledMeter
from edge_agent.energy.profile import Profile
from edge_agent.energy.rapl import RaplMeter

__all__ = [
    "BatteryState",
    "MeterStatus",
    "ModelledMeter",
    "Profile",
    "RaplMeter",
    "battery_state",
    "best_meter",
    "describe",
    "meter_for",
]

"""Calibrating this device: its idle power, loading its model, and runs of it, in about a minute."""

from __future__ import annotations

from typing import Final

from edge_agent.assembly import open_model, threads_of
from edge_agent.config import Config
from edge_agent.energy import Hardware, Profile, meter_for, this_machine
from edge_agent.energy.calibration import calibrated
from edge_agent.energy.meters import counter_for
from edge_agent.energy.rapl import RaplCounter
from edge_agent.energy.rehearsal import Stage, idle_watts
from edge_agent.energy.throttling import SystemProcessor
from edge_agent.slm.progress import Progress
from orchestrator.errors import ConfigError
from orchestrator.ports import Clock

SECONDS: Final = 45.0
_LOADS: Final = 3


async def profile_device(
    config: Config, clock: Clock, progress: Progress, *, seconds: float = SECONDS, hardware: Hardware | None = None
) -> Profile:
    """Measure the configured model on this device, and store what was found where the agent looks for it.

    The GPU's joules are no part of a profile: the running statistics learn them from answers.

    Args:
        config: names the model, the meter and the file.
        clock: of the measurement.
        progress: shown a bar.
        seconds: how long to run the model; loading it and waiting for idle power come on top.
        hardware: of this machine, by default.

    Raises:
        ConfigError: the file is a profile that was written by hand, or the meter cannot be used.
        ModelError: the model cannot be had, or fails.
    """
    _check(config)
    hardware = hardware or Hardware.here()
    choice = "auto" if config.energy.meter == "nvml" else config.energy.meter
    prior = await _with_idle(Profile.load(), config, hardware, clock, progress)
    # Drafts and kept prompts make answers cheaper by what is in them: the plain token is what can be foretold.
    plain = config.model_copy(
        update={
            "model": config.model.model_copy(update={"speculation": False, "batching": None}),
            "prefixes": config.prefixes.model_copy(update={"memory_mb": 0, "disk_mb": 0}),
        }
    )
    load_ms = []
    for _ in range(_LOADS):
        began_s = clock.monotonic()
        with open_model(plain, progress) as model:
            load_ms.append((clock.monotonic() - began_s) * 1000)
    counter = counter_for(choice, prior, hardware)
    with (
        open_model(plain, progress) as model,
        progress.task(f"running {model.name}", int(seconds), in_bytes=False) as bar,
    ):
        stage = Stage(model, meter_for(choice, prior, hardware), clock, cpu_seconds=hardware.cpu_seconds)
        block_s = 1.5 * counter.trust.least_s if counter else 0.0
        rehearsal = await stage.rehearse(seconds=seconds, block_s=block_s, advance=bar)
    profile = calibrated(
        prior,
        rehearsal,
        machine=this_machine(),
        model=model.name,
        threads=threads_of(config.model),
        load_ms=load_ms,
        speed=SystemProcessor(hardware.sysfs_root).speed(),
        now=clock.now(),
    )
    profile.save(config.profile_path)
    return profile


def _check(config: Config) -> None:
    """A profile that somebody wrote is not written over. A broken one of ours is.

    Raises:
        ConfigError: there is one, or the file that is named is broken.
    """
    path = config.profile_path
    if not path.exists():
        return
    try:
        by_hand = Profile.load(path).calibration is None
    except ConfigError:
        if config.energy.profile is not None:
            raise
        return
    if by_hand:
        raise ConfigError(f"{path} was written by hand", remedy="name another file in energy.profile, or remove it")


async def _with_idle(prior: Profile, config: Config, hardware: Hardware, clock: Clock, progress: Progress) -> Profile:
    """The prior with this machine's idle power, where it can be measured."""
    choice = "auto" if config.energy.meter == "nvml" else config.energy.meter
    counter = counter_for(choice, prior, hardware)
    named = prior.model_copy(update={"name": this_machine()})
    if counter is None:
        progress.note("no meter can be read here: times are measured, joules rest on published figures")
        return named
    progress.note("looking at idle power")
    watts = await idle_watts(counter, clock)
    if watts is None:
        progress.note("the battery is charged: unplug the device to measure joules; they rest on published figures now")
        return named
    of = "idle_package_watts" if isinstance(counter, RaplCounter) else "idle_machine_watts"
    return named.model_copy(update={of: watts})

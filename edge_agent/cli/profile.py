"""`edgewise profile`: what this device and its model take, measured in about a minute."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_agent.cli.terminal import ConfigOption, JsonOption, LocalOnlyOption, console

if TYPE_CHECKING:
    from edge_agent.config import Config
    from edge_agent.energy import Calibration, Profile
    from edge_agent.energy.figure import Figure

_CONTEXTS = (0, 512, 1024)


def profile(
    show: Annotated[bool, typer.Option("--show", help="Show the stored profile; measure nothing.")] = False,
    seconds: Annotated[float, typer.Option(min=5, help="How long to run the model.")] = 45,
    local_only: LocalOnlyOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Calibrate this device: time and joules of reading and writing, by tokens; idle power; loading the model.

    Takes about a minute, and wants the machine for itself. Estimates start from what is found.
    """
    from edge_agent.cli.opening import settings

    chosen = settings(config, local_only=local_only)
    found = _stored(chosen) if show else _measured(chosen, seconds)
    if as_json:
        sys.stdout.write(json.dumps(_plain(found, chosen), ensure_ascii=False) + "\n")
    else:
        _print(found, chosen)


def _measured(config: Config, seconds: float) -> Profile:
    from edge_agent.cli.progress import shown_progress
    from edge_agent.profiling import profile_device
    from orchestrator.clock import SystemClock

    return asyncio.run(profile_device(config, SystemClock(), shown_progress(), seconds=seconds))


def _stored(config: Config) -> Profile:
    """The stored profile.

    Raises:
        ConfigError: there is none.
    """
    from edge_agent.assembly import stored_profile
    from orchestrator.errors import ConfigError

    found = stored_profile(config)
    if found is None:
        raise ConfigError("this device has no profile yet", remedy="run edgewise profile, which takes a minute")
    return found


def _plain(found: Profile, config: Config) -> dict[str, Any]:
    return {"path": str(config.profile_path), **found.model_dump(mode="json")}


def _print(found: Profile, config: Config) -> None:
    from rich.table import Table

    out = console()
    for name, text in _facts(found):
        out.print(f"[bold]{name:<8}[/bold] {text}", highlight=False)
    if (known := found.calibration) is not None:
        table = Table("a token", *(f"behind {context}" for context in _CONTEXTS), "", pad_edge=False, box=None)
        for column in table.columns[1:-1]:
            column.justify = "right"
        for row in _rows(known, found.uncertainty_share):
            table.add_row(*row)
        out.print()
        out.print(table)
    out.print(f"\n{config.profile_path}", style="dim")


def _facts(found: Profile) -> list[tuple[str, str]]:
    facts = [
        ("device", found.name),
        (
            "work",
            f"{found.core_watts:.3g} W a busy core, {found.dram_joules_per_gb:.3g} J a GB moved, "
            f"± {found.uncertainty_share:.0%}",
        ),
        ("idle", _idle(found)),
    ]
    if (known := found.calibration) is None:
        return facts
    return [
        *facts,
        ("model", f"{known.model}, {known.threads} threads, loaded in {_figure(known.load_ms, 'ms')}"),
        ("basis", f"times measured, {known.basis}"),
        ("taken", f"{known.taken_at.astimezone():%Y-%m-%d %H:%M}, {known.runs} runs"),
    ]


def _idle(found: Profile) -> str:
    """Which of the two was measured depends on the meter."""
    meter = found.calibration.meter.value if found.calibration else ""
    told = ((found.idle_package_watts, "processor", "rapl"), (found.idle_machine_watts, "machine", "battery"))
    return ", ".join(f"{watts:.3g} W the {what}{' (measured)' * (meter == by)}" for watts, what, by in told)


def _rows(known: Calibration, share: float) -> list[tuple[str, ...]]:
    """Uncertainties of joules have those of the figures that they rest on in them."""
    lines = (
        ("read", known.prefill_ms, "ms", 0.0),
        ("write", known.decode_ms, "ms", 0.0),
        ("read", known.prefill_joules, "mJ", share),
        ("write", known.decode_joules, "mJ", share),
    )
    return [
        (
            name,
            *(_figure(_scaled(line.after(context), 1000 if unit == "mJ" else 1, share)) for context in _CONTEXTS),
            unit,
        )
        for name, line, unit, share in lines
    ]


def _scaled(figure: Figure, factor: float, share: float) -> Figure:
    from edge_agent.energy.figure import Figure

    spread = math.hypot(figure.uncertainty, share * figure.value)
    return Figure(figure.value * factor, spread * factor)


def _figure(figure: Figure, unit: str = "") -> str:
    """`10.8 ± 0.6 ms`: both with the decimals that the value's three digits have."""
    places = max(0, 2 - math.floor(math.log10(figure.value))) if figure.value > 0 else 3
    return f"{figure.value:,.{places}f} ± {figure.uncertainty:,.{places}f} {unit}".rstrip()

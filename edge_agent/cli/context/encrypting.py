"""`edgewise context encrypt` and `decrypt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.terminal import ConfigOption, console

if TYPE_CHECKING:
    from edge_agent.config import Config
    from edge_agent.keys import KeySource

_FOREVER = "Without it nobody reads the store again, you neither: keep a copy of it in a safe place."
_OLD_BYTES = (
    "The file that was there was overwritten and removed. Flash disks, snapshots and backups may hold copies of it."
)


def encrypt(
    key_from: Annotated[
        str | None,
        typer.Option(
            help="Where the key is, or is to be kept: keyring, file:PATH, env:NAME, or passphrase to be asked; "
            "by default what the configuration says.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Encrypt the personal-context store, or give an encrypted one another key. Close what uses it first.

    The log of what left this device is encrypted with it, by the same key.
    """
    from edge_agent.config import Config
    from edge_agent.context.schema import SCHEMA
    from edge_agent.conversion import convert
    from edge_agent.keys import KeyFile, Remembered, key_source

    chosen = Config.load(config)
    configured = chosen.context.encryption
    words = key_from or configured.key_from
    source = key_source(words)
    opened_by, to = Remembered(key_source(configured.key_from)), Remembered(source)
    out = console()
    changed = convert(chosen.context_path, SCHEMA, opened_by=opened_by, to=to)
    _convert_egress(chosen, opened_by=opened_by, to=to)
    if not changed:
        out.print(f"{chosen.context_path} is encrypted already, with this key.", markup=False)
        return
    out.print(f"Encrypted {chosen.context_path}. Its key: {source}. {_FOREVER}", markup=False)
    out.print(_OLD_BYTES)
    for copy in _plain_copies(chosen.context_path):
        out.print(f"Not encrypted, and left as it is: {copy}", style="yellow", markup=False)
    if isinstance(source, KeyFile):
        words = f"file:{source.path.resolve()}"
    if words != configured.key_from or not configured.required:
        out.print(f"\nFor the configuration file:\n\n{_section(words)}", markup=False)


def decrypt(config: ConfigOption = None) -> None:
    """Write the store and the log of what left without encryption again. Close what uses them first."""
    from edge_agent.config import Config
    from edge_agent.context.schema import SCHEMA
    from edge_agent.conversion import convert

    chosen = Config.load(config)
    keys = chosen.context_encryption.asked_once().keys
    out = console()
    changed = convert(chosen.context_path, SCHEMA, opened_by=keys, to=None)
    _convert_egress(chosen, opened_by=keys, to=None)
    if not changed:
        out.print(f"{chosen.context_path} is not encrypted.", markup=False)
        return
    out.print(f"Decrypted {chosen.context_path}. Its key is kept: encrypted backups need it.", markup=False)
    _warn_of_requirement(chosen)


def _convert_egress(config: Config, *, opened_by: KeySource, to: KeySource | None) -> None:
    """The log of what left has words of records: it is as safe as they are."""
    from edge_agent.conversion import convert
    from edge_agent.egress.schema import SCHEMA

    if config.egress_path.exists():
        convert(config.egress_path, SCHEMA, opened_by=opened_by, to=to)


def _warn_of_requirement(config: Config) -> None:
    if config.context.encryption.required:
        words = "The configuration still requires encryption: set `context.encryption.required` to false."
        console().print(words, style="yellow")


def _plain_copies(path: Path) -> list[Path]:
    """What `backup`, `restore` and `repair` left of the store in their usual places, if it is not encrypted."""
    from edge_agent.driver import is_plain

    usual = [
        *path.parent.glob(f"{path.stem}.former-*{path.suffix}"),
        *(path.parent / "backups").glob(f"*{path.suffix}"),
    ]
    return [copy for copy in sorted(usual) if is_plain(copy)]


def _section(words: str) -> str:
    return f"  context:\n    encryption:\n      required: true\n      key_from: {words}\n"

"""`edgewise context encrypt` and `decrypt`."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_agent.cli.terminal import ConfigOption, console

_FOREVER = "Without it nobody reads the store again, you neither: keep a copy of it in a safe place."
_OLD_BYTES = (
    "The unencrypted file was overwritten and removed. Flash disks, snapshots and backups may still hold copies of it."
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
    """Encrypt the personal-context store, or give an encrypted one another key. Close what uses it first."""
    from edge_agent.config import Config
    from edge_agent.context.schema import SCHEMA
    from edge_agent.conversion import convert
    from edge_agent.keys import KeyFile, key_source

    chosen = Config.load(config)
    configured = chosen.context.encryption
    source = key_source(key_from or configured.key_from)
    now = key_source(configured.key_from)
    out = console()
    if not convert(chosen.context_path, SCHEMA, opened_by=now, to=source):
        out.print(f"{chosen.context_path} is encrypted already, with this key.", markup=False)
        return
    out.print(f"Encrypted {chosen.context_path}. Its key: {source}. {_FOREVER}", markup=False)
    out.print(_OLD_BYTES)
    words = f"file:{source.path.resolve()}" if isinstance(source, KeyFile) else key_from or configured.key_from
    if words != configured.key_from or not configured.required:
        out.print(f"\nFor the configuration file:\n\n{_section(words)}", markup=False)


def decrypt(config: ConfigOption = None) -> None:
    """Write the personal-context store without encryption again. Close what uses it first."""
    from edge_agent.config import Config
    from edge_agent.context.schema import SCHEMA
    from edge_agent.conversion import convert

    chosen = Config.load(config)
    configured = chosen.context.encryption
    out = console()
    if not convert(chosen.context_path, SCHEMA, opened_by=chosen.context_encryption.keys, to=None):
        out.print(f"{chosen.context_path} is not encrypted.", markup=False)
        return
    out.print(f"Decrypted {chosen.context_path}. Its key was left where it is: backups may need it.", markup=False)
    if configured.required:
        out.print("The configuration requires encryption: set `context.encryption.required` to false.", markup=False)


def _section(words: str) -> str:
    return f"  context:\n    encryption:\n      required: true\n      key_from: {words}\n"

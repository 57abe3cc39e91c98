"""`edgewise-gateway keys`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cloud_gateway.cli.table import table

if TYPE_CHECKING:
    from cloud_gateway.keys import Key

app = typer.Typer(
    no_args_is_help=True,
    help="""Who may call, and what they may do. Keys are stored hashed in a file, which running gateways follow.

\b
  edgewise-gateway keys create phone --file keys.json --tenant acme --model 'qwen*' --tokens-per-day 100000
  edgewise-gateway keys list --file keys.json
  edgewise-gateway keys revoke phone --file keys.json
""",
)
_PANEL: Final = "Limits in each minute, hour, day and month of the clock (UTC); tokens are those read and written"
_MOST: Final = 2**53


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _MOST):
        raise typer.BadParameter(f"{text!r} is no whole number from 0 to {_MOST}")
    return int(text)


def _usd(text: str) -> Decimal:
    try:
        usd = Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount of USD") from None
    if not usd.is_finite() or not 0 <= usd < 10**6 or usd * 10**9 % 1:
        raise typer.BadParameter("an amount of USD is 0 or more, below a million, with at most nine decimals")
    return usd


_COUNT: Final[dict[str, Any]] = {"parser": _count, "metavar": "N", "rich_help_panel": _PANEL}
_USD: Final[dict[str, Any]] = {"parser": _usd, "metavar": "X", "rich_help_panel": _PANEL}
KeysFile = Annotated[Path, typer.Option("--file", help="The keys file, as keys_file in the configuration names it.")]
Name = Annotated[str, typer.Argument(help="Who the key is for.")]
Count = Annotated[int | None, typer.Option(**_COUNT)]
Usd = Annotated[Decimal | None, typer.Option(**_USD)]


@app.command()
def create(
    name: Name,
    file: KeysFile,
    tenant: Annotated[str, typer.Option(help="Who pays: keys of one tenant share its limits.")] = "",
    model: Annotated[
        list[str] | None, typer.Option(help="What it may ask, a pattern such as 'qwen*'; more than once for more.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The longest answer it may ask for.")] = None,
    expires: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Worthless from then on (UTC)."),
    ] = None,
    requests_per_minute: Count = None,
    requests_per_hour: Count = None,
    requests_per_day: Count = None,
    requests_per_month: Count = None,
    tokens_per_minute: Count = None,
    tokens_per_hour: Count = None,
    tokens_per_day: Count = None,
    tokens_per_month: Count = None,
    usd_per_minute: Usd = None,
    usd_per_hour: Usd = None,
    usd_per_day: Usd = None,
    usd_per_month: Usd = None,
) -> None:
    """Make a key and print it: this once, for it is stored nowhere. Without options it may do everything, for ever."""
    from cloud_gateway import keys
    from cloud_gateway.sections.quota import QuotaSection

    quota = QuotaSection(
        requests_per_minute=requests_per_minute,
        requests_per_hour=requests_per_hour,
        requests_per_day=requests_per_day,
        requests_per_month=requests_per_month,
        tokens_per_minute=tokens_per_minute,
        tokens_per_hour=tokens_per_hour,
        tokens_per_day=tokens_per_day,
        tokens_per_month=tokens_per_month,
        usd_per_minute=usd_per_minute,
        usd_per_hour=usd_per_hour,
        usd_per_day=usd_per_day,
        usd_per_month=usd_per_month,
    )
    scope = keys.Scope(
        tenant=tenant,
        models=tuple(model or ()),
        max_tokens=max_tokens,
        limits=quota.limits,
        expires_at=expires and expires.replace(tzinfo=UTC),
    )
    typer.echo(keys.create(file, name, now=datetime.now(UTC), scope=scope))


@app.command()
def revoke(name: Name, file: KeysFile) -> None:
    """Make a key worthless. Running gateways notice at their next call."""
    from cloud_gateway import keys

    keys.revoke(file, name, now=datetime.now(UTC))
    typer.echo(f"the key of {name} is revoked")


@app.command(name="list")
def list_keys(
    file: KeysFile, json: Annotated[bool, typer.Option("--json", help="One JSON list, for programs.")] = False
) -> None:
    """Who has a key, since when and what for, and who had one."""
    import msgspec

    from cloud_gateway import keys

    known = keys.load(file)
    if json:
        shown = [{**msgspec.to_builtins(key), "state": _state(key)} for key in known]
        typer.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2))
        return
    head = ("NAME", "TENANT", "MODELS", "LIMITS", "CREATED (UTC)", "STATE")
    typer.echo(table(head, [_row(key) for key in known]))


def _row(key: Key) -> tuple[str, ...]:
    scope = key.scope
    limits = [f"{limit.resource.in_words(limit.most)}/{limit.stretch}" for limit in scope.limits]
    if scope.max_tokens is not None:
        limits.append(f"{scope.max_tokens:,} tokens/answer")
    return (
        key.name,
        scope.tenant or "-",
        " ".join(scope.models) or "all",
        ", ".join(limits) or "none",
        _minute(key.created_at),
        _state(key),
    )


def _state(key: Key) -> str:
    if key.revoked_at:
        return f"revoked {_minute(key.revoked_at)}"
    if not key.is_valid(datetime.now(UTC)):
        return "expired"
    return f"valid until {_minute(key.scope.expires_at)}" if key.scope.expires_at else "valid"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"

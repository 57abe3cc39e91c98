"""What values of a configuration may be."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.chat import NANO


def _whole_nano(usd: Decimal) -> Decimal:
    if usd * NANO % 1:
        raise ValueError("a price has at most nine decimals")
    return usd


def _an_address(address: str) -> str:
    if int(address.rpartition(":")[2]) > 65535:
        raise ValueError("a port is at most 65535")
    return address


Address = Annotated[str, Field(pattern=r"^\S+:\d{1,5}\Z"), AfterValidator(_an_address)]
"""`host:port`. gRPC would take 99999 for 34463."""
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Usd = Annotated[Decimal, Field(ge=0, lt=10**6), AfterValidator(_whole_nano)]
Joules = Annotated[float, Field(ge=0, allow_inf_nan=False)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z")]

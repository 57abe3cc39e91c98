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


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Usd = Annotated[Decimal, Field(ge=0, lt=10**6), AfterValidator(_whole_nano)]
Joules = Annotated[float, Field(ge=0, allow_inf_nan=False)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z")]

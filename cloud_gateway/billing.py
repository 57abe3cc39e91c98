"""What an answer costs: reserved before the model server is asked, settled once, told in the receipt and the log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from cloud_gateway.accounts.accounts import Accounts
from cloud_gateway.accounts.windows import Amounts
from cloud_gateway.accounts.worst import worst_case
from cloud_gateway.call import Call
from cloud_gateway.runs.fingerprint import fingerprint
from cloud_gateway.runs.turn import Turn
from cloud_gateway.sections.models import ModelSection
from cloud_gateway.telemetry.metrics import Metrics
from orchestrator.chat import NANO, Chat, ServedModel
from orchestrator.tracing import spanning
from orchestrator.types import Completed, ModelEvent, Usage
from orchestrator.units import Energy, EnergySource

_log = logging.getLogger(__name__)


class Billing:
    """Puts answers on the accounts of their callers."""

    def __init__(self, accounts: Accounts, metrics: Metrics) -> None:
        self._accounts = accounts
        self._metrics = metrics

    async def billed(
        self,
        call: Call,
        request_id: str,
        chat: Chat,
        model: ModelSection,
        served: ServedModel,
        turn: Turn,
        answer: AsyncGenerator[ModelEvent, None],
    ) -> AsyncGenerator[ModelEvent, None]:
        """The events of `answer`, its receipt priced. This runs once for each turn at a run, and `turn` says which
        of them is billed, and for what.

        Raises:
            CloudRateLimited: a window of the caller's has no room; `answer` is not begun.
        """
        # An id is billed once; with another chat it is another bill, also where the answer to the first was forgotten.
        bill_id = f"{request_id}:{fingerprint(chat).hex()}"
        caller = call.caller
        with spanning(call.span.child("accounts.reserve")):
            bill = await self._accounts.reserve(caller, bill_id, worst_case(chat, served))
        settled = False
        try:
            async with aclosing(answer) as events:
                async for event in events:
                    if isinstance(event, Completed):
                        await turn.confirm()
                        usage = turn.usage(event.usage)
                        actual = Amounts(1, _tokens(usage), served.price.cost_nano_usd(usage))
                        # Before the caller has the receipt: a gateway that dies here has told nobody of a bill, and
                        # whoever goes on with the answer tells of that one.
                        with spanning(call.span.child("accounts.settle")):
                            nano_usd = (await self._accounts.settle(bill, actual)).nano_usd
                        settled = True
                        self._metrics.billed(model.name, caller.payer, usage, nano_usd)
                        if _log.isEnabledFor(logging.INFO):
                            _log.info("billed", extra={"fields": _line(call, request_id, model, usage, nano_usd)})
                        yield _with_receipt(replace(event, usage=usage), model, nano_usd)
                    else:
                        yield event
        finally:
            if not settled and not turn.over:
                await self._accounts.refund(bill)


def _tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens


def _line(call: Call, request_id: str, model: ModelSection, usage: Usage, nano_usd: int) -> dict[str, object]:
    trace = {"trace_id": call.span.trace_id} if call.span.trace_id else {}
    return trace | {
        "caller": call.caller.name,
        "request_id": request_id,
        "model": model.name,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "estimated": usage.estimated,
        "cost_nano_usd": nano_usd,
    }


def _with_receipt(event: Completed, model: ModelSection, nano_usd: int) -> Completed:
    usage = event.usage
    joules = (
        usage.prompt_tokens * model.joules_per_prompt_token
        + usage.completion_tokens * model.joules_per_completion_token
    )
    energy = Energy(joules, joules * model.joules_uncertainty_share, EnergySource.MODELLED)
    return replace(event, usd=nano_usd / NANO, cloud_energy=energy)

"""What would leave for a question, and why, while nothing does: nobody is asked, nothing is reserved or sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator.errors import EgressRefused
from orchestrator.plan import Draft
from orchestrator.planner import Planner
from orchestrator.privacy.egress import Outbound
from orchestrator.privacy.rules import Action
from orchestrator.prompt import Prompt
from orchestrator.routing.policy import judge
from orchestrator.routing.refusal import Refusal
from orchestrator.types import Decision, Request, Route, Sensitivity, Terms

ASSUMED_TOKENS: Final = 4096
"""The window of a cloud that was never asked for its own."""
_NO_DECISION: Final = "preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPreview:
    """What would become of a record that the question brings."""

    id: int
    label: Sensitivity
    """As high as what is found in it."""
    action: Action
    """`KEEP` also where there would be no room for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would leave for a question."""

    destination: str
    """`host:port` of the gateway; empty where there is none."""
    terms: Terms | None
    """Prices and window that the decision was previewed with, from the last contact; None where there was none: then
    it is free, and has `ASSUMED_TOKENS`."""
    decision: Decision | None
    """As it would be with the cloud up on these terms; None where every route is refused."""
    refusal: str
    """Why every route is, in plain words."""
    outbound: Outbound | None
    """What the cloud would be sent if it were asked: by the decision, or later in a handoff. None: nothing may be."""
    kept: str
    """Why nothing may be, in plain words."""
    records: tuple[RecordPreview, ...]
    """Those that the question brings, best first."""
    agreed: bool | None = None
    """Where the user has to be asked: what is remembered of their word; None where they would be asked now."""

    @property
    def leaves(self) -> bool:
        """Whether something would leave at once. A faltering answer of the device may hand over later."""
        return self.outbound is not None and self.decision is not None and self.decision.route is Route.CLOUD


async def preview(planner: Planner, request: Request, *, destination: str, terms: Terms | None) -> Preview:
    """Go through all that happens before something leaves, up to the door."""
    draft = await planner.draft(request, terms or Terms(ASSUMED_TOKENS))
    decision, refusal = _decided(draft)
    prompt = draft.shown_to_cloud(decision) if decision else draft.cloud
    outbound, kept = await _outbound(draft, prompt, decision)
    return Preview(
        destination=destination,
        terms=terms,
        decision=decision,
        refusal=refusal,
        outbound=outbound,
        kept=kept,
        records=_records(draft, prompt, outbound),
    )


def _decided(draft: Draft) -> tuple[Decision | None, str]:
    end = judge(draft.situation, draft.request, _NO_DECISION)
    return (None, str(end.error)) if isinstance(end, Refusal) else (end, "")


async def _outbound(draft: Draft, prompt: Prompt | None, decision: Decision | None) -> tuple[Outbound | None, str]:
    """What would leave; or why nothing may."""
    if prompt is None:
        excluded = decision.excluded.get(Route.CLOUD.value) if decision else None
        return None, excluded or (decision.reason if decision else "no route is possible")
    try:
        cleared = await draft.departure.clear(prompt, draft.request.prefix, Sensitivity.PUBLIC)
    except EgressRefused as error:
        return None, error.message
    return cleared.outbound, ""


def _records(draft: Draft, prompt: Prompt | None, outbound: Outbound | None) -> tuple[RecordPreview, ...]:
    """Each record that the question brings; one in the prompt has the label of what was found in it, too."""
    sent = {hit.record.id: hit.record.sensitivity for hit in prompt.recalled} if prompt and outbound else {}
    rules = draft.situation.rules
    return tuple(
        RecordPreview(
            id=item.record_id,
            label=sent.get(item.record_id, item.sensitivity),
            action=rules.action(sent[item.record_id]) if item.record_id in sent else Action.KEEP,
        )
        for item in draft.situation.evidence
    )

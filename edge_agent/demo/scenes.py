"""The questions of the demo: each shows one route or one rule."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from orchestrator.types import Budget, RoutePreference


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One question, how it is asked, and what to watch for."""

    title: str
    watch: str
    """What the viewer should notice, in a sentence."""
    question: str
    shown: str = ""
    """What is printed in place of a question that is too long to read."""
    route: RoutePreference = RoutePreference.AUTO
    budget: Budget | None = None
    local_only: bool = False
    kill_gateway: bool = False
    """Kill the gateway's process while this answer streams."""


def scenes() -> tuple[Scene, ...]:
    """All scenes, in order."""
    report = resources.files(__package__).joinpath("report.txt").read_text(encoding="utf-8")
    return (
        Scene(
            title="easy",
            watch="The device can do this alone.",
            question="What do bees make?",
        ),
        Scene(
            title="moving",
            watch="The device begins; where the tokens that its joules allow end, the cloud goes on in the same text.",
            question="What do I need to bake bread?",
            budget=Budget(device_joules=18),
        ),
        Scene(
            title="personal",
            watch="The answer is in the user's own contacts, which stay here.",
            question="What is Marek Nowak's phone number?",
        ),
        Scene(
            title="when",
            watch="A calendar entry, found in SQLite and quoted from the record.",
            question="When do I see the dentist?",
        ),
        Scene(
            title="private",
            watch="The record is labelled private: not even the link to the cloud is touched.",
            question="What is the wifi password at the cabin?",
        ),
        Scene(
            title="hard",
            watch="Too hard for a very small model: the question goes to the cloud through the gateway.",
            question="Explain step by step why the sky is blue at noon and red at sunset, and compare both.",
        ),
        Scene(
            title="redacted",
            watch="Whoever it is for leaves as a stand-in, and comes back in the answer.",
            question="Write a short friendly message that invites Marek Nowak to lunch on Friday.",
            route=RoutePreference.CLOUD,
        ),
        Scene(
            title="long",
            watch="The text does not fit the device's window.",
            question=f"Summarize this report in two sentences.\n\n{report}",
            shown=f"Summarize this report in two sentences. (A report of {len(report.split())} words follows.)",
        ),
        Scene(
            title="tight budget",
            watch="No money, and 8 J: the device has to answer, and has to be brief.",
            question="Explain step by step why the sea is salty and compare it with a lake.",
            budget=Budget(usd=0, device_joules=8),
        ),
        Scene(
            title="local only",
            watch="No socket is opened, however hard the question.",
            question="Explain how a compiler works and why it needs a parser.",
            local_only=True,
        ),
        Scene(
            title="cloud killed",
            watch="The gateway's process is killed in mid-answer. What is on the screen stays, and the device goes on.",
            question="Explain in detail how a bicycle stays upright and why it leans into a curve.",
            route=RoutePreference.CLOUD,
            kill_gateway=True,
        ),
        Scene(
            title="after",
            watch="The cloud is gone, and a hard question is answered all the same.",
            question="Explain why leaves fall in autumn and compare oaks with pines.",
        ),
    )

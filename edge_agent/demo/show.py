"""How the demo looks: one scene after another, then the table and the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge_agent.cli import receipt
from edge_agent.demo.scenes import Scene
from orchestrator.budget import WindowState
from orchestrator.errors import EdgewiseError
from orchestrator.types import Answer, Piece, Route

_COLOURS = {Route.LOCAL: "green", Route.CLOUD: "cyan", Route.HANDOFF: "magenta"}


@dataclass(frozen=True, slots=True)
class Act:
    """A scene that was played, and how it ended: in an answer or in one typed error."""

    scene: Scene
    outcome: Answer | EdgewiseError


class Show:
    """Writes to a console; knows nothing of how answers are made."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._place: Route | None = None

    def opening(self, local: str, upstream: str, records: int) -> None:
        """Who is who."""
        self._console.rule("[bold]Edgewise[/bold]")
        self._console.print(f"[green]device[/green]  {local}, with {records} records of a made-up household in SQLite")
        self._console.print(f"[cyan]cloud[/cyan]   {escape(upstream)}, behind a gRPC gateway")

    def scene(self, number: int, scene: Scene) -> None:
        """Announce a question."""
        self._place = None
        self._console.print()
        self._console.print(f"[bold]{number}. {scene.title}[/bold]  [dim]{escape(scene.watch)}[/dim]")
        self._console.print(f"[bold]>[/bold] {escape(scene.shown or scene.question)}")

    def piece(self, piece: Piece) -> None:
        """More of the answer, in the colour of who wrote it."""
        self._place = piece.route
        self._console.print(escape(piece.text), end="", style=_COLOURS[piece.route], soft_wrap=True)

    def event(self, text: str) -> None:
        """Something that happened meanwhile."""
        self._console.print(f"[bold red] ✂ {text} [/bold red]", end="")

    def outcome(self, outcome: Answer | EdgewiseError) -> None:
        """What the answer took, or why there is none."""
        self._console.print()
        if isinstance(outcome, EdgewiseError):
            self._console.print(f"  [yellow]{outcome.type}[/yellow]: {escape(str(outcome))}")
        else:
            self._receipt(outcome)

    def left(self, text: str) -> None:
        """What the cloud was sent in the question's place."""
        self._console.print(f"[dim]  what left:[/dim] [italic]{escape(text)}[/italic]")

    def _receipt(self, answer: Answer) -> None:
        self._console.print(f"[dim]  why: {escape(answer.reason)}[/dim]")
        self._console.print(f"[dim]  {receipt.as_line(answer)}[/dim]")

    def table(self, acts: Sequence[Act]) -> None:
        """All questions side by side, each with its reason and with what left the device below its figures."""
        self._console.print()
        self._console.print("[bold]What happened[/bold]")
        self._console.print(_figures(dict(zip(_WIDTHS, _WIDTHS, strict=True)), style="bold"))
        for act in acts:
            self._console.print(_figures(_cells(act)))
            self._console.print(f"  [dim]{_explanation(act)}[/dim]")
        answers = [act.outcome for act in acts if isinstance(act.outcome, Answer)]
        sources = " and ".join(sorted({answer.device_energy.source.value for answer in answers}))
        self._console.print(f"[dim]Device joules are {sources}; cloud joules are as the gateway says: modelled.[/dim]")

    def ledger(self, windows: Sequence[WindowState]) -> None:
        """What is spent, reserved and left in each window."""
        table = Table(title="The ledger", title_justify="left", pad_edge=False, box=None)
        for name in ("window", "spent", "reserved", "left", "limit"):
            table.add_column(name, justify="left" if name == "window" else "right", no_wrap=True)
        for state in windows:
            say = state.window.resource.in_words
            table.add_row(state.window.name, *map(say, (state.spent, state.reserved, state.left, state.window.limit)))
        self._console.print()
        self._console.print(table)

    def closing(self) -> None:
        """Where to go from here."""
        self._console.print()
        self._console.print("Every process of the demo has ended. Now your own:")
        self._console.print("  .venv/bin/edgewise context import examples/household", markup=False)
        self._console.print('  .venv/bin/edgewise ask "When do I see the dentist?"', markup=False)
        self._console.print("  .venv/bin/edgewise chat", markup=False)


_WIDTHS = {
    "question": 13,
    "route": 8,
    "first ms": 8,
    "all ms": 7,
    "tokens": 8,
    "device J": 10,
    "cloud J": 7,
    "USD": 8,
}
"""Columns and their widths: together they fit a terminal of 80."""


def _figures(cells: Mapping[str, str], style: str = "") -> Table:
    """One row; each has the same widths, so that rows can be printed one by one with text between them."""
    row = Table.grid(padding=(0, 1, 0, 0))
    for name, width in _WIDTHS.items():
        row.add_column(width=width, justify="left" if name in ("question", "route") else "right", no_wrap=True)
    row.add_row(*cells.values(), style=style)
    return row


def _cells(act: Act) -> dict[str, str]:
    answer = act.outcome
    if isinstance(answer, EdgewiseError):
        return dict(zip(_WIDTHS, (act.scene.title, "refused", *["–"] * 6), strict=True))
    return {
        "question": act.scene.title,
        "route": f"[{_COLOURS[answer.route]}]{answer.route.value}[/]",
        "first ms": f"{answer.latency.first_token_ms:.0f}",
        "all ms": f"{answer.latency.total_ms:.0f}",
        "tokens": f"{answer.usage.prompt_tokens}+{answer.usage.completion_tokens}",
        "device J": f"{answer.device_energy.joules:.1f}±{answer.device_energy.uncertainty_joules:.1f}",
        "cloud J": f"{answer.cloud_energy.joules:.1f}" if answer.egress.sent else "–",
        "USD": f"{answer.usd:.6f}",
    }


def _explanation(act: Act) -> str:
    if isinstance(act.outcome, EdgewiseError):
        return escape(act.outcome.message)
    return f"{escape(act.outcome.reason)} [italic]({receipt.left_the_device(act.outcome)})[/italic]"

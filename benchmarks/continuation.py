"""How models are best asked to go on with an answer, where their server cannot continue an assistant's message.

`python -m benchmarks.continuation [--models NAME ...] [--keep FILE] [--show] [--json]`

Each model is asked to go on with answers that the first of the models began, cut behind a word, through `edgewise
serve` without `continue_final_message`; with it (`continued`) is what could be had at best. The wording that the
gateway uses is called so. What comes is trimmed by `Joint`, as the gateway does. Told is, in percent of the answers:

- joined: it goes on behind the last word: nothing said again, no word to the user about it, no new sentence in the
  middle of one;
- anew: it begins from the beginning, comments, or breaks into the middle of a sentence with a new one;
- nothing: nothing is left of it;

and how many characters of an answer were repeated and paid for. Greedy decoding: the same figures at each run.
`--keep` names a file where answers are kept between runs, so that a run can be cut short and taken up again.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from cloud_gateway.upstreams.formats import continuing
from orchestrator.joint import Joint

MODELS: Final = ("smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct")
QUESTIONS: Final = (
    "Explain in a few sentences why the sky is blue.",
    "Write a short story about a lighthouse keeper.",
    "List five tips for better sleep.",
    "How do I boil an egg? Give the steps.",
    "Write a Python function that returns the n-th Fibonacci number, and explain it.",
    "What is photosynthesis?",
    "Write a polite email to my landlord about a broken heater.",
    "What are the advantages and disadvantages of electric cars?",
    "Describe the water cycle.",
    "Who was Marie Curie, and what did she do?",
    "Give me a recipe for pancakes.",
    "Explain what a database index is.",
)
_CUTS_CHARS: Final = (60, 95, 160, 45)
_DRAFT_TOKENS: Final = 80
_REST_TOKENS: Final = 80
_COMMENT: Final = re.compile(
    r"(certainly|sure|of course|okay|great|i apologi[sz]e|i'm sorry|here(?:'s| is) (?:the|a) (?:re|co)|"
    r"your (?:answer|message))\b",
    re.IGNORECASE,
)
_RUN_WORDS: Final = 5
"""So many words of the beginning said again in a row are no chance."""

Turns = list[dict[str, str]]
Ask = Callable[..., str]


def _reply(wording: Callable[[str], str]) -> Callable[[str, str], Turns]:
    """The answer's beginning as the assistant's, and words of the user behind it."""

    def turns(question: str, prefix: str) -> Turns:
        roles, texts = ("user", "assistant", "user"), (question, prefix, wording(prefix))
        return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]

    return turns


def _within(question: str, prefix: str) -> Turns:
    """All in one message of the user."""
    words = f"{question}\n\nBegin your answer with exactly these words, and then complete it:\n{prefix}"
    return [{"role": "user", "content": words}]


WORDINGS: Final[dict[str, Callable[[str, str], Turns]]] = {
    "continued": lambda question, prefix: _reply(str)(question, prefix)[:2],
    "continue": _reply(lambda _: "Continue."),
    "left off": _reply(lambda _: "Continue exactly where you left off."),
    "from on": _reply(lambda prefix: f"Write the rest of that answer, from “{' '.join(prefix.split()[-4:])}” on."),
    "one message": _within,
    "repeat": _reply(
        lambda prefix: (
            "Your answer was cut off. Go on with it to its end. Begin by repeating this, word for word, and write the "
            f"rest behind it:\n{continuing.ending(prefix)}"
        )
    ),
    "gateway": _reply(continuing.request),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request."""

    prefix: str
    rest: str
    repeated_chars: int

    @property
    def kind(self) -> str:
        """`joined`, `anew` or `nothing`."""
        rest = self.rest.strip()
        if not any(letter.isalnum() for letter in rest):
            return "nothing"
        within = self.prefix.rstrip()[-1] not in ".!?:" and "\n" not in self.rest[: len(self.rest) - len(rest) + 1]
        breaks = within and rest[0].isupper() and not rest.startswith("I ")
        return "anew" if breaks or _COMMENT.match(rest) or _again(self.prefix, rest) else "joined"


def _again(prefix: str, rest: str) -> bool:
    """Whether the first words of the rest were said before."""
    words, begun = prefix.lower().split(), rest.lower().split()[:_RUN_WORDS]
    return len(begun) == _RUN_WORDS and any(
        words[at : at + _RUN_WORDS] == begun for at in range(len(words) - _RUN_WORDS + 1)
    )


class Kept:
    """Answers by model and turns, in a file where one is named."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._answers: dict[str, str] = json.loads(path.read_text()) if path and path.exists() else {}

    def answer(self, ask: Ask, model: str, turns: Turns, tokens: int, **native: bool) -> str:
        """What the model says to these turns, asked for where it is not there yet."""
        key = json.dumps([model, turns, native])
        if key not in self._answers:
            self._answers[key] = ask(turns, tokens, **native)
            if self._path is not None:
                self._path.write_text(json.dumps(self._answers))
        return self._answers[key]


@contextmanager
def serving(model: str) -> Iterator[Ask]:
    """`edgewise serve` with this model alone; yields what asks it."""
    command = [sys.executable, "-c", "from edge_agent.cli import main; main()"]
    command += ["serve", "--route", "local", "--model", model, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        assert child.stdout is not None
        url = child.stdout.readline().split()[-1]
        with httpx.Client(base_url=f"{url}/v1/", timeout=300) as client:

            def ask(turns: Turns, tokens: int, **more: Any) -> str:
                body = {"model": model, "messages": turns, "max_tokens": tokens, "temperature": 0.0, **more}
                response = client.post("chat/completions", json=body).raise_for_status()
                return str(response.json()["choices"][0]["message"]["content"])

            try:
                yield ask
            finally:
                child.terminate()


def begun(draft: str, number: int) -> str:
    """The beginning of an answer, cut behind a word."""
    cut = draft[: _CUTS_CHARS[number % len(_CUTS_CHARS)]]
    return cut[: cut.rfind(" ")]


def outcomes(model: str, drafts: list[str], kept: Kept) -> dict[str, list[Outcome]]:
    """What `model` makes of the drafts, by wording."""
    made: dict[str, list[Outcome]] = {}
    with serving(model) as ask:
        for name, wording in WORDINGS.items():
            native = {"continue_final_message": True, "add_generation_prompt": False} if name == "continued" else {}
            made[name] = []
            for number, (question, draft) in enumerate(zip(QUESTIONS, drafts, strict=True)):
                prefix = begun(draft, number)
                turns = wording(question, prefix)
                came = kept.answer(ask, model, turns, _REST_TOKENS, **native)
                joint = Joint(prefix)
                rest = joint.push(came) + joint.flush()
                made[name].append(Outcome(prefix, rest, joint.dropped))
    return made


def row(made: list[Outcome]) -> dict[str, int]:
    """The figures of one wording with one model."""
    kinds = [outcome.kind for outcome in made]
    shares = {kind: round(100 * kinds.count(kind) / len(made)) for kind in ("joined", "anew", "nothing")}
    return shares | {"repeated_chars": round(sum(outcome.repeated_chars for outcome in made) / len(made))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Wordings that ask a model to go on with an answer.")
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME", help="the first one begins")
    parser.add_argument("--keep", type=Path, help="keep answers in this file")
    parser.add_argument("--show", action="store_true", help="print what was said around each joint")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    kept, console = Kept(given.keep), Console()
    with serving(given.models[0]) as ask:
        drafts = [
            kept.answer(ask, given.models[0], [{"role": "user", "content": question}], _DRAFT_TOKENS)
            for question in QUESTIONS
        ]
    made = {model: outcomes(model, drafts, kept) for model in given.models}
    if given.show:
        show(made, console)
    figures = {model: {name: row(came) for name, came in wordings.items()} for model, wordings in made.items()}
    if given.json:
        console.print_json(json.dumps(figures))
        return
    for model, rows in figures.items():
        table = Table("wording", "joined, %", "anew, %", "nothing, %", "repeated, characters", title=model)
        for name, shares in rows.items():
            table.add_row(name, *(f"{value:g}" for value in shares.values()))
        console.print(table)


def show(made: dict[str, dict[str, list[Outcome]]], console: Console) -> None:
    """What was said around each joint."""
    for model, wordings in made.items():
        for name, came in wordings.items():
            console.print(f"\n{model}, {name}", highlight=False)
            for one in came:
                console.print(f"{one.kind:8}{one.prefix[-24:]!r} | {one.rest[:70]!r}", markup=False, highlight=False)


if __name__ == "__main__":
    main()

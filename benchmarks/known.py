"""How much of what a store knows is found again, however it is written.

`python -m benchmarks.known` keeps contacts of many countries, venues and account numbers in a store, and reads the
sentences of `mentions.toml`, which mention them: as they are kept, in another case, with the endings of cases, without
accents, with other blanks and hyphens, one name alone, numbers in other groups. For each way of writing it prints the
share of characters that are found by what the store knows, and by all detectors. `--missed` shows what is not, and
`--data FOLDER` counts in how many of CLINC150's and MMLU's questions, which know nobody of the store, something is.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from edge_agent.privacy.known import Known
from edge_agent.privacy.opening import open_detector
from orchestrator.ports import Detector
from orchestrator.types import Record

_MENTIONS: Final = Path(__file__).with_name("mentions.toml")
_QUESTIONS: Final = {"assistant/clinc150.dev.jsonl.gz": "text", "routing/mmlu.dev.jsonl.gz": "prompt"}
_OF_EACH: Final = 3000


@dataclass(frozen=True, slots=True)
class Mention:
    """Something the store knows, in a sentence: what stands in brackets there has to be found."""

    way: str
    sentence: str

    @property
    def text(self) -> str:
        """The sentence without the brackets."""
        return self.sentence.replace("[", "").replace("]", "")

    @property
    def places(self) -> set[int]:
        """Where the letters and digits in brackets are in the text."""
        found: set[int] = set()
        at = 0
        inside = False
        for sign in self.sentence:
            if sign in "[]":
                inside = sign == "["
                continue
            if inside and sign.isalnum():
                found.add(at)
            at += 1
        return found


def fill(store: SqliteContextStore, people: Sequence[str], others: Sequence[Mapping[str, str]]) -> None:
    """Keep contacts with these names, and records with places and numbers."""
    for name in people:
        store.add(Item(_record("contact", name, people=tuple(name.split(" / "))), marked=False))
    for other in others:
        body, place = other.get("body", ""), other.get("place", "")
        store.add(Item(_record(other["kind"], other["title"], body=body, place=place), marked=False))


def _record(kind: str, title: str, *, body: str = "", place: str = "", people: tuple[str, ...] = ()) -> Record:
    return Record(kind=kind, title=title, body=body, place=place, people=people, source="user")


def covered(known: Detector, text: str) -> set[int]:
    """Where characters of findings are in a text."""
    return {place for finding in known.find(text) for place in range(finding.start, finding.end)}


def questions(folder: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """Name and questions of each set that is there."""
    for name, key in _QUESTIONS.items():
        if (folder / name).exists():
            with gzip.open(folder / name, "rt", encoding="utf-8") as lines:
                yield name, [json.loads(line)[key] for line in islice(lines, _OF_EACH)]


def report(known: Known, everything: Detector, mentions: Sequence[Mention], *, missed: bool) -> None:
    """Print the share of characters that are found, by way of writing and overall, and what else is."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for mention in mentions:
        found = covered(known, mention.text)
        hit = mention.places & found
        beside = sum(mention.text[place].isalnum() for place in found - mention.places)
        for row in (mention.way, "overall"):
            counts = (len(mention.places), len(hit), len(mention.places & covered(everything, mention.text)), beside)
            sums[row] = [one + more for one, more in zip(sums[row], counts, strict=True)]
        if missed and hit != mention.places:
            lost = "".join(sign if at in mention.places - hit else "·" for at, sign in enumerate(mention.text))
            print(f"  {mention.way}: {mention.sentence}  lost: {lost.strip('·')}")
    print(f"{'way of writing':32}{'characters':>12}{'recall':>10}{'by all':>10}{'beside':>10}")
    for way, (there, hits, by_all, beside) in sorted(sums.items(), key=lambda row: row[0] == "overall"):
        print(f"{way:32}{there:12}{hits / there:10.3f}{by_all / there:10.3f}{beside:10}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill a store, read what mentions it, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missed", action="store_true", help="show what is not found")
    parser.add_argument("--data", type=Path, help="a folder with other people's questions")
    options = parser.parse_args(arguments)
    told = tomllib.loads(_MENTIONS.read_text(encoding="utf-8"))
    mentions = [Mention(way, sentence) for way, sentences in told["mentions"].items() for sentence in sentences]
    with tempfile.TemporaryDirectory() as folder, SqliteContextStore(Path(folder) / "context.db") as store:
        fill(store, told["people"], told["records"])
        known = Known(store)
        report(known, open_detector(store), mentions, missed=options.missed)
        for name, asked in questions(options.data) if options.data else ():
            alarms = sum(bool(known.find(text)) for text in asked)
            print(f"{name}: something is found in {alarms} of {len(asked)} questions")


if __name__ == "__main__":
    main()

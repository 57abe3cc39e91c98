"""What detection costs a question that waits for it, part by part, and what keeping clues of records costs.

`python -m benchmarks.detection` reads texts of 100 and of 1,000 words with each part on one core: the patterns by
family, what a store of 10,000 records knows, names, what is encoded, and all of it as an agent does it. One text is
dense, with much to find in every seventh sentence; the other is prose, the mail of the example household. `--records`
takes a store of another size.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from benchmarks.context.life import Life
from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore
from edge_agent.privacy import credentials, identities, manners, moments, network, payments, phones
from edge_agent.privacy.encoded import Encoded
from edge_agent.privacy.known import Known
from edge_agent.privacy.names import Names
from edge_agent.privacy.opening import open_detector
from edge_agent.privacy.page import Page
from edge_agent.privacy.patterns import Patterns
from edge_agent.slm.pull import ensure
from orchestrator.ports import Detector
from orchestrator.privacy.finding import Finding

_MODEL: Final = "all-minilm-l6-v2"
_MAIL: Final = Path(__file__).resolve().parents[1] / "examples" / "household" / "mail.mbox"
_BATCH: Final = 2000
_ROUNDS: Final = 30
_LENGTHS: Final = (100, 1000)
_TELLING: Final = (
    "Call Anna Almeida on +49 170 1234567, or write to anna@mail.example.",
    "The invoice of 12 March 2026 is 1,240.50 euros, due in 30 days.",
    "We meet on Tuesday at 9:30 in Hauptstrasse 12, 79098 Freiburg.",
    "My card 4111 1111 1111 1111 was declined at shop.example.org yesterday.",
    "Dr. Weber is 47 years old and lives in Lyon since 1998.",
    "The server 10.12.0.7 answers at https://status.example.net/health?full=1 again.",
)
"""One of them to every six sentences that tell nothing: about what mails have."""
_FAMILIES: Final[dict[str, Callable[[Page], None]]] = {
    "addresses on the web": network.find_urls,
    "secrets": credentials.find,
    "mail, IP, domains": network.find,
    "driver licences": identities.find_licenses,
    "cards and accounts": payments.find,
    "dates": moments.find_dates,
    "national ids": identities.find,
    "postal codes": manners.find_codes,
    "telephone numbers": phones.find,
    "ages": moments.find_ages,
    "titles": manners.find_titles,
}


def text_of(life: Life, words: int, seed: int) -> str:
    """A text of about so many words: made-up sentences, and among them some that tell of people."""
    choice = random.Random(seed)
    sentences: list[str] = []
    said = (sentence for item in life.records(4000) for sentence in item.record.body.split(". "))
    while sum(len(sentence.split()) for sentence in sentences) < words:
        sentences += [f"{sentence.strip('.').capitalize()}." for sentence in islice(said, 6) if sentence]
        sentences.append(choice.choice(_TELLING))
    return " ".join(" ".join(sentences).split()[:words])


def mail_text(words: int) -> str:
    """The mail of the example household, letter after letter, up to so many words."""
    with tempfile.TemporaryDirectory() as folder, SqliteContextStore(Path(folder) / "mail.db") as store:
        import_paths(store, [_MAIL])
        letters = [record.body for record in store.list()]
    return " ".join(islice(cycle(word for letter in letters for word in letter.split(" ")), words))


def milliseconds(work: Callable[[], object]) -> float:
    """The median of some rounds, after one that warms up."""
    work()
    took = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        work()
        took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)


def parts(store: SqliteContextStore) -> Iterator[tuple[str, Callable[[str], object]]]:
    """Everything that is timed, by name."""
    yield "  making the page", Page
    for name, family in _FAMILIES.items():
        yield f"  {name}", _reading(family)
    detectors: dict[str, Detector] = {
        "patterns": Patterns(),
        "what the store knows": Known(store),
        "names": Names(),
        "what is encoded": Encoded(_Nothing()),
        "all": open_detector(store),
    }
    yield from ((name, detector.find) for name, detector in detectors.items())


class _Nothing:
    """Finds nothing: reading what was decoded is no part of finding it."""

    def find(self, text: str) -> Sequence[Finding]:
        return []


def _reading(family: Callable[[Page], None]) -> Callable[[str], object]:
    return lambda text: family(Page(text))


def fill(store: SqliteContextStore, life: Life, records: int) -> float:
    """Put a life into a store; seconds."""
    start = time.perf_counter()
    items = life.records(records)
    while batch := list(islice(items, _BATCH)):
        store.put(batch)
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill a store, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    records = parser.parse_args(arguments).records
    life = Life.in_words_of(ensure(_MODEL))
    texts = {f"{words} dense": text_of(life, words, seed=words) for words in _LENGTHS}
    texts |= {f"{words} mail": mail_text(words) for words in _LENGTHS}
    with tempfile.TemporaryDirectory() as folder, SqliteContextStore(Path(folder) / "context.db") as store:
        took = fill(store, life, records)
        print(f"{records:,} records kept in {took:.1f} s, {store.path.stat().st_size / 1e6:.0f} MB")
        print(f"{'milliseconds for words':32}{''.join(f'{name:>14}' for name in texts)}")
        for name, work in parts(store):
            times = [milliseconds(partial(work, text)) for text in texts.values()]
            print(f"{name:32}{''.join(f'{each:14.2f}' for each in times)}")


if __name__ == "__main__":
    main()

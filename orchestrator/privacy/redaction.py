"""Names out, stand-ins in, and the way back: one mapping for one request."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.forms import Forms, Match, glued, squeezed
from orchestrator.privacy.mentions import Mention, Mentions, folded
from orchestrator.privacy.people import ORDINARY, name_words
from orchestrator.privacy.restoring import Restorer
from orchestrator.privacy.stand_ins import StandIns, Typed
from orchestrator.privacy.weaving import Piece, Woven

_POSSESSIVE: Final = re.compile(r"['’]s?\Z", re.IGNORECASE)

_WORD: Final = re.compile(r"[^\W_]+")
_LAST_WORD: Final = re.compile(r"[^\W_]+\Z")
_SHORTEST_NAME: Final = 3
_SHORTEST_FRAGMENT: Final = 3
"""Letters of a name at the end of an unfinished text that are taken for its beginning. Fewer tell of nobody."""


class Redaction:
    """What stands for what in one request.

    The texts of a request are first all read, in the order in which they are sent, then redacted: only so is a name
    that was found in the last text replaced in the first one, too. Numbers go by first appearance, so that turns that
    are sent again are sent alike.
    """

    def __init__(self, stand_ins: StandIns | None = None) -> None:
        """Begin with nothing in it. Without `stand_ins` they are `Typed`."""
        self._stand_ins = stand_ins or Typed()
        self._forms = Forms()
        self._mentions = Mentions()
        self._known: dict[tuple[Kind, str], str] = {}
        self._texts: set[str] = set()
        self._counts: Counter[Kind] = Counter()

    @property
    def counts(self) -> Counter[Kind]:
        """Places replaced so far, by kind."""
        return self._counts.copy()

    @property
    def count(self) -> int:
        """Places replaced so far."""
        return self._counts.total()

    def read(self, text: str, findings: Sequence[Finding]) -> None:
        """Learn what was found in a text, before any text of the request is redacted."""
        self._texts.add(squeezed(text))
        for place in self._places(text, findings):
            self._form(place.kind, text[place.start : place.end])

    def redact(self, text: str, findings: Sequence[Finding]) -> str:
        """A text with stand-ins in place of what was found in it, and of what was found in other texts.

        A word found once is replaced wherever it stands as a whole word, in any case and with or without the s of a
        genitive. Words in the text that read like a stand-in in use are replaced, too, so that they come back as they
        are. `Restorer` gives the text again, exactly.
        """
        self.read(text, findings)
        return self._woven(text, self._places(text, findings))

    def restorer(self) -> Restorer:
        """A new one, for one stream."""
        return Restorer(self._forms)

    def carry_on(self, shown: str, findings: Sequence[Finding]) -> tuple[str, Restorer]:
        """The beginning of an answer that was shown already, for the model that goes on from it.

        Where it ends inside a name ("Dear Anna Mil"), the name is sent whole, as its stand-in, and the restorer gives
        its rest ("ler") before all else: so no half name leaves, and what comes fits on.

        Returns:
            The text to send, and the restorer for what comes.
        """
        rest = self._rest(shown)
        sent = self.redact(shown + rest, findings)
        return sent, Restorer(self._forms, after=sent, rest=rest)

    def _rest(self, shown: str) -> str:
        """What is missing of the name in which a text breaks off; nothing where it breaks off elsewhere."""
        fragment = _LAST_WORD.search(shown)
        if fragment is None or len(fragment[0]) < _SHORTEST_FRAGMENT or _is_ordinary(fragment[0]):
            return ""
        words = [word for _, original in self._known for word in _WORD.findall(original)]
        if fragment[0] in words:
            return ""
        return next((word[len(fragment[0]) :] for word in words if word.startswith(fragment[0])), "")

    def _woven(self, text: str, found: Sequence[Mention]) -> str:
        """The redacted text."""
        places = found
        for seek in (self._mentions.find, self._alike):
            more = (place for start, end in _gaps(text, places) for place in seek(text, start, end))
            places = self._joined(text, [*places, *more])
        while True:
            pieces = [Piece(place.start, place.end, self._form(*place.of(text))) for place in places]
            woven = Woven(text, pieces)
            # What the text around a stand-in makes of it: "person " before a surrogate "2 May" reads as PERSON_2.
            misread = woven.misread(self._forms)
            if not misread:
                self._counts.update(place.kind for place in places)
                return woven.text
            kind = places[0].kind
            places = self._joined(text, [*places, *(Mention(start, end, kind) for start, end in misread)])

    def _alike(self, text: str, start: int, end: int) -> Iterator[Mention]:
        """What in a stretch would be taken for a stand-in, were it left."""
        stretch = text[start:end]
        at = 0
        while (at := self._forms.start(stretch, at)) < len(stretch):
            match = self._forms.match(stretch, at, final=True)
            if isinstance(match, Match):
                yield Mention(start + at, start + match.end, match.kind)
                at = match.end
            else:
                at += 1

    def _form(self, kind: Kind, original: str) -> str:
        """The stand-in for an original, the same each time."""
        form = self._known.get((kind, original))
        if form is None:
            form = self._stand_ins.form(kind, original, self._taken)
            self._known[kind, original] = form
            self._forms.add(form, original, kind)
            for part, meant in self._stand_ins.parts(kind, original):
                self._forms.add(part, meant, kind)
            self._look_for(kind, original)
        return form

    def _look_for(self, kind: Kind, original: str) -> None:
        """An original elsewhere; of a person's name each word, too."""
        self._mentions.add(original, kind, cased=_is_ordinary(original))
        if kind is not Kind.PERSON:
            return
        words = name_words(original)
        for word in _WORD.findall(original) if len(words) > 1 else ():
            if len(word) >= _SHORTEST_NAME and folded(word) in words:
                self._mentions.add(word, kind, cased=_is_ordinary(word))

    def _taken(self, form: str) -> bool:
        """Whether a text says something like it."""
        like = squeezed(form)
        return any(like in text for text in self._texts)

    def _places(self, text: str, findings: Sequence[Finding]) -> list[Mention]:
        """Where something was found."""
        trimmed = (Mention(*_trimmed(text, finding.start, finding.end), finding.kind) for finding in findings)
        return self._joined(text, [place for place in trimmed if place.start < place.end])

    def _joined(self, text: str, places: Iterable[Mention]) -> list[Mention]:
        """In order, each up to where a word ends, what touches as one: stand-ins side by side would be one word."""
        joined: list[Mention] = []
        for place in sorted(places, key=lambda place: (place.start, -place.end)):
            start, end = _whole(text, place.start, place.end, self._stand_ins.endings)
            kind = place.kind
            while joined and start <= joined[-1].end:
                before = joined.pop()
                start, end, kind = min(start, before.start), max(end, before.end), before.kind
            joined.append(Mention(start, end, kind))
        return joined


def _is_ordinary(name: str) -> bool:
    """Whether a name in lower case would say something else."""
    key = folded(name)
    return key in ORDINARY or len(key) < _SHORTEST_NAME


def _gaps(text: str, found: Sequence[Mention]) -> Iterator[tuple[int, int]]:
    """The stretches between findings, from and up to."""
    edges = [0, *(edge for place in found for edge in (place.start, place.end)), len(text)]
    return zip(edges[::2], edges[1::2], strict=True)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without spaces at the edges, and without the 's of a genitive."""
    end = min(end, len(text))
    possessive = _POSSESSIVE.search(text, start, end)
    end = possessive.start() if possessive else end
    stretch = text[start:end]
    return start + len(stretch) - len(stretch.lstrip()), end - len(stretch) + len(stretch.rstrip())


def _whole(text: str, start: int, end: int, endings: frozenset[str]) -> tuple[int, int]:
    """Up to where words end: a stand-in inside a word would not be seen again. An inflection stays outside."""
    while start > 0 and _inside(text[start - 1]):
        start -= 1
    stop = end
    while stop < len(text) and (_inside(text[stop]) or unicodedata.category(text[stop]).startswith("M")):
        stop += 1
    return start, end if text[end:stop].lower() in endings else stop


def _inside(character: str) -> bool:
    """Whether a character is of a word that goes on next to it."""
    return glued(character) or character.isdigit()

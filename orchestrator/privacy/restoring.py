"""Stand-ins put back into the names they stand for, while the text streams in."""

from __future__ import annotations

from orchestrator.privacy.forms import Forms, Match, Pending


class Restorer:
    """Restores one stream, whatever its chunks.

    What may be the beginning of a stand-in is held back until more arrives: never more than `Forms.longest` code
    points. The time for a stream is linear in its length, also where it comes by single characters.
    """

    def __init__(self, forms: Forms, *, after: str = "", rest: str = "") -> None:
        """Begin a stream.

        Args:
            forms: what stands for what.
            after: the text that the stream goes on from, stand-ins inside: it decides whether the first word is one.
            rest: what of the original of the last stand-in in `after` was not shown yet. It comes first.
        """
        self._forms = forms
        self._before = after[-1:]
        self._rest = rest
        self._held = ""

    @property
    def held(self) -> int:
        """Code points held back at the moment."""
        return len(self._held)

    def push(self, chunk: str) -> str:
        """Take the next piece of the stream, and give what is certain by now."""
        return self._advance(chunk, final=False)

    def flush(self) -> str:
        """The stream has ended: give what was held back.

        Not for a stream that broke: half a stand-in says nothing, and what goes on at home goes on from what was shown.
        """
        return self._advance("", final=True)

    def _advance(self, chunk: str, *, final: bool) -> str:
        known = len(self._before)
        text = self._before + self._held + chunk
        given = [self._rest]
        self._rest = ""
        at = copied = known
        while (at := self._forms.start(text, at)) < len(text):
            match = self._forms.match(text, at, final=final)
            if isinstance(match, Pending):
                break
            if isinstance(match, Match):
                given += (text[copied:at], match.original)
                at = copied = match.end
            else:
                at += 1
        given.append(text[copied:at])
        self._before = text[at - 1 : at] if at else ""
        self._held = text[at:]
        return "".join(given)

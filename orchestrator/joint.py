"""Where one model goes on from another's text: what it says again is dropped, and the space between them is right.

Models that continue an answer often begin a little before its end: with the last word, the last sentence, or all of it.
`Joint` reads the continuation as it streams. It lets through an end of what came and nothing else, with one space in
front where one is plainly missing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

from orchestrator.whole_words import is_wide

_TELLING: Final = re.compile(r"[^\W\d_]{3}")
"""Three letters in a row: less comes twice by chance."""
_WORD_AND_MARK: Final = re.compile(r"(?:^|[\s(\"“])[^\W\d_]{2,}[.,;!?]\Z")
_OPENING: Final = "([{\"'“‘«*_`"
_SPACES: Final = " \t"
_FENCE: Final = "```"
_REACH: Final = 2000
"""Code points before the end of a prefix where a repetition may begin, if not at the beginning of all."""


class Joint:
    """A continuation on its way to the end of a prefix.

    What it does to the text, and nothing else:

    - The longest end of the prefix that the continuation begins with is dropped: one that begins where a word does, and
      holds three letters in a row. A single word counts only on the same line. A text that said the same twice already
      ("la la ") may go on so.
    - Behind a space no further one comes, behind an empty line no further line break. Indentation is left alone.
    - A space is put between a word's comma or end mark and the next word, outside of code.

    How the stream was cut into chunks makes no difference. Text is held back only while it may yet be a repetition.
    """

    def __init__(self, prefix: str) -> None:
        """Begin behind `prefix`, all of the answer that was shown so far."""
        self.dropped = 0
        """Code points that were left out."""
        self._prefix = prefix
        self._body = prefix.rstrip()
        self._tail = prefix[len(self._body) :]
        self._came: list[str] = []
        self._read = 0
        """Code points of the continuation that were compared: those behind its leading white space."""
        self._alive: list[int] = []
        """Where in the prefix begins what may yet be repeated."""
        self._ended: list[int] = []
        """Where begins what was repeated up to the end of the prefix, and the word ended there, too."""
        self._settled = not prefix

    def push(self, chunk: str) -> str:
        """More of the continuation; what of it may be shown now."""
        if self._settled or not chunk:
            return chunk
        self._came.append(chunk)
        fresh = chunk if self._read else chunk.lstrip()
        if not fresh:
            return ""
        if not self._read:
            self._alive = list(_starts(self._body, fresh[0]))
        self._compare(fresh)
        return "" if self._alive else self._settle()

    def flush(self) -> str:
        """What was held back when the continuation ended. A repetition that was cut off is left out, too."""
        if self._settled:
            return ""
        came = "".join(self._came)
        fresh = came.lstrip()
        self._ended += [at for at in self._alive if len(self._body) - at == self._read]
        if self._alive and _is_phrase(fresh):
            self._settled, self.dropped = True, len(came)
            return ""
        return self._settle()

    def _compare(self, fresh: str) -> None:
        """Leave out where the continuation went another way."""
        alive = []
        direct = not self._tail and not self._came[0][:1].isspace()
        for at in self._alive:
            left = len(self._body) - at - self._read
            if len(fresh) <= left:
                if self._body.startswith(fresh, at + self._read):
                    alive.append(at)  # what comes may go on so, or says whether it ended there
            elif fresh.startswith(self._body[at + self._read :]) and (direct or _parts(self._body[-1], fresh[left])):
                self._ended.append(at)
        self._alive = alive
        self._read += len(fresh)

    def _settle(self) -> str:
        """All that came, without what it repeats."""
        self._settled = True
        came = "".join(self._came)
        said = next((self._body[at:] for at in sorted(self._ended) if self._tells(self._body[at:])), "")
        shown = self._behind(came.lstrip()[len(said) :]) if said else self._mended(came)
        self.dropped = max(0, len(came) - len(shown))
        return shown

    def _tells(self, end: str) -> bool:
        """Whether it is no chance that the continuation begins with this end of the prefix."""
        if _TELLING.search(end) is None:
            return False
        before = self._body[: -len(end)].rstrip()
        said_twice = before.endswith(end) and not before[: -len(end)][-1:].isalnum()
        return not said_twice and (len(end.split()) > 1 or "\n" not in self._tail)

    def _behind(self, rest: str) -> str:
        """What comes behind the repetition. The space that was shown already is not shown again."""
        return rest[len(self._tail) :] if rest.startswith(self._tail) else rest.lstrip(_SPACES)

    def _mended(self, came: str) -> str:
        """A continuation that repeats nothing, with the space that belongs before it."""
        line = self._prefix.rpartition("\n")[2]
        if self._tail.count("\n") > 1:
            return came.lstrip("\r\n")
        if self._prefix[-1] in _SPACES and line.strip():
            return came.lstrip(_SPACES)
        return " " + came if self._misses_space(came[:1], line) else came

    def _misses_space(self, first: str, line: str) -> bool:
        """Whether a new word follows a mark that ends another. In code and addresses nobody knows."""
        if not first.isalnum() or is_wide(first) or self._prefix.count(_FENCE) % 2 or line.count("`") % 2:
            return False
        if _WORD_AND_MARK.search(line) is None:
            return False
        return first.isupper() if line[-1] in ".?" else True


def _starts(body: str, first: str) -> Iterator[int]:
    """Where in a text words begin with this character: at its very beginning, and near its end."""
    near = max(0, len(body) - _REACH)
    for at in itertools.chain((0,) if near else (), range(near, len(body))):
        if body[at] == first and (
            at == 0 or body[at - 1].isspace() or body[at - 1] in _OPENING or is_wide(body[at - 1])
        ):
            yield at


def _parts(last: str, following: str) -> bool:
    """Whether a word ends between two characters."""
    return not last.isalnum() or not following.isalnum() or is_wide(following)


def _is_phrase(text: str) -> bool:
    """Several words: nobody ends an answer with the beginning of what was said just before."""
    return len(text.split()) > 1 and _TELLING.search(text) is not None

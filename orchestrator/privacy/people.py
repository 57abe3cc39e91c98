"""Who is who among names: "Anna" and "Ms. Miller" are the Anna Miller of the same request, where only one fits."""

from __future__ import annotations

import re
from typing import Final

from orchestrator.privacy.common_words import COMMON_WORDS
from orchestrator.privacy.mentions import folded

_WORD: Final = re.compile(r"[^\W_]+")
_TITLES_AND_PARTICLES: Final = """
mr mrs ms miss mx sir dr prof professor doctor herr frau fraulein mme mlle m monsieur madame signor signora senor
senora don dona rev st jr sr ii iii phd md dipl ing mag van von vom zu zum der den de del della di da dos du la le al
el bin ibn ben ter ten und and y e
"""
_ALSO_NAMES: Final = """
will may mark bill rose hope grace joy faith jack pat sue gene dale frank rich grant chase hunter drew rob ray max art
guy dean earl duke bishop pope knight page cook baker miller taylor carter cooper fisher mason potter shepherd
turner walker weaver gardener butler carpenter green brown black white gray grey gold silver young old long short
strong wise good love king queen prince stone wood woods hill hills field fields brook brooks lake rivers ford bridge
church house hall street lane west east north south winter summer autumn spring april june august day sunday monday
friday english french german irish scott major general sergeant price cash penny sterling bond bank marsh moss fern
ivy lily daisy iris violet olive ginger basil heather holly hazel myrtle ruby pearl amber crystal jade opal sky star
dawn eve destiny harmony melody carol harp bell horn drum fox wolf bear lamb bird robin swan crow drake finch martin
jay dove pike bass trout salmon fish cross temple abbey angel christian ernest victor sandy rusty curt miles skip buck
chip cliff forest glen heath reed rush stern sharp blunt keen swift bright noble power powers case chance lord law
read rice berry cherry bean root branch leaf flower flowers bush land marks banks parks wells waters weeks hand foot
head body ball base cape crane sand glass steel nick norm dick klein gross lang jung alt neu
schwarz weiss braun rot grun koch bauer muller schneider fischer weber richter vogel sommer herbst berg stein wald
bach kaiser konig engel ernst
"""
_NOT_A_NAME: Final = frozenset(_TITLES_AND_PARTICLES.split())
ORDINARY: Final = COMMON_WORDS | frozenset(_ALSO_NAMES.split())
"""Lower-case words that are names, too: in lower case they are not taken for one."""


def name_words(original: str) -> tuple[str, ...]:
    """The words of a person's name, folded, without titles and particles; all words where nothing else is left."""
    words = tuple(_WORD.findall(folded(original)))
    return tuple(word for word in words if word not in _NOT_A_NAME) or words


class People:
    """The persons of a request, by the words of their names."""

    def __init__(self) -> None:
        self._persons: list[set[str]] = []
        self._known: dict[frozenset[str], int] = {}

    def person(self, original: str) -> int:
        """Which person a name is of, counted from 0: one who is known by more or by fewer of these words, or a new one.

        Where two known persons would fit, it is a third: nobody is taken for somebody else.
        """
        words = frozenset(name_words(original))
        known = self._known.get(words)
        if known is None:
            fitting = [index for index, person in enumerate(self._persons) if words < person or person < words]
            known = fitting[0] if len(fitting) == 1 else len(self._persons)
            if known == len(self._persons):
                self._persons.append(set())
            self._persons[known] |= words
            self._known[words] = known
        return known

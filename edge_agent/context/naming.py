"""Whether a name is that of a person or of an organization, and which of its words are names."""

from __future__ import annotations

import re
from typing import Final

from edge_agent.context.stopwords import STOP_WORDS

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’ʼ][^\W\d_]+)*")
_PARTICLES = """
mr mrs ms miss mx dr prof professor sir dame lady lord herr frau mme mlle monsieur madame jr sr ii iii iv phd md
von van de der den del della di da dos das du la le el al bin ibn ben y e zu zum zur af av ter ten st
"""
_NO_NAMES: Final = frozenset(_PARTICLES.split())
"""Titles, and particles that are part of many names and say nothing by themselves."""
_BUSINESS = """
ag gmbh ltd limited inc llc llp plc corp corporation co company kg ev sa sas srl spa bv nv oy ab as kft sro zoo bank
sparkasse bureau office team group service services support customer care account accounts billing info help
helpdesk newsletter news noreply no-reply reply mail mailer notification notifications alert alerts update updates
admin system school university college institute academy clinic hospital practice praxis surgery pharmacy dental
hotel hostel restaurant cafe café bar pub bakery pizzeria pizza shop store market supermarket garage taxi airlines
airways air railway bahn post express delivery club association society foundation church museum library theatre
theater cinema studio gym fitness insurance versicherung energy water gas telecom media press publishing books
center centre council city county state department ministry embassy police fire community committee staff sales
marketing hr it security the and of for at online cloud app digital solutions systems software labs technologies
family friends everyone all members parents neighbours neighbors class course workshop meeting calendar
"""
_OF_ORGANIZATIONS: Final = frozenset(_BUSINESS.split())


def name_words(name: str) -> list[str]:
    """The words of a name, without titles, particles and initials; all of them, where nothing else is left."""
    words = [word for word in _WORD.findall(name) if len(word) > 1]
    names = [word for word in words if word.lower() not in _NO_NAMES]
    return names or words


def is_organization(name: str, *, alone: bool = False) -> bool:
    """Whether a name is rather not that of a person.

    Args:
        name: as a record has it.
        alone: whether a single word is taken for one: among senders of mail, "Wikipedia" is no person.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if len(name_words(name)) > 4 or (alone and len(words) == 1):
        return True
    return any(word in _OF_ORGANIZATIONS or (word in STOP_WORDS and len(words) > 2) for word in words)


def is_telling(word: str) -> bool:
    """Whether one word alone can name a place: "Freiburg" and "Zürich", not "office"."""
    return len(word) > 3 and word[0].isupper() and word.lower() not in _OF_ORGANIZATIONS | STOP_WORDS

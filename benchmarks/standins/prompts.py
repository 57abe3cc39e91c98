"""Thirty things that are asked about people, written for this: what is found in them is marked, `{KIND original}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

_MARK: Final = re.compile(r"\{(?P<kind>[A-Z_]+) (?P<original>[^}]+)\}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request.

    Attributes:
        text: as the user wrote it.
        wanted: what a usable answer says.
    """

    text: str
    findings: tuple[Finding, ...]
    wanted: tuple[str, ...]


def asked(marked: str, *wanted: str) -> Asked:
    """Read the marks of a request."""
    parts: list[str] = []
    findings: list[Finding] = []
    at = length = 0
    for mark in _MARK.finditer(marked):
        parts += (marked[at : mark.start()], mark["original"])
        start = length + mark.start() - at
        length = start + len(mark["original"])
        findings.append(Finding(Kind[mark["kind"]], start, length, Sensitivity.PERSONAL, "written"))
        at = mark.end()
    return Asked("".join((*parts, marked[at:])), tuple(findings), wanted)


PROMPTS: Final = (
    asked("Write one sentence that thanks {PERSON Anna Miller} for the flowers.", "Anna"),
    asked("Write a birthday greeting of one sentence to {PERSON Tom}.", "Tom"),
    asked("Notes: {PERSON Lena} brings salad, {PERSON Jonas} brings bread. Who brings bread?", "Jonas"),
    asked("Notes: {PERSON Marta Klein} pays the rent, {PERSON Ivo} the power bill. Who pays the rent?", "Marta"),
    asked(
        "{PERSON Priya} is taller than {PERSON Sam}. {PERSON Sam} is taller than {PERSON Max}. Who is tallest?", "Priya"
    ),
    asked(
        "Mail: 'Hi, I am {PERSON Paula Vogt}, call me at {PHONE_NUMBER +44 20 7123 4567}.' What is her number?",
        "+44 20 7123 4567",
    ),
    asked(
        "Contact: {PERSON Emil Roth}, {EMAIL_ADDRESS emil.roth@posteo.de}. What is the mail address?",
        "emil.roth@posteo.de",
    ),
    asked("{PERSON Nina} moved from {GPE Bremen} to {GPE Graz}. In which town does she live now?", "Graz"),
    asked("{PERSON Omar} works for {ORGANIZATION Halden Optik}. Where does {PERSON Omar} work?", "Halden Optik"),
    asked("The visit of {PERSON Ruth} is on {DATE_TIME 12 March 2026}. When is the visit?", "12 March 2026"),
    asked("Rewrite politely: 'tell {PERSON Greg} to send the report to {PERSON Wanda}'.", "Greg", "Wanda"),
    asked("Translate into German: 'My sister {PERSON Ella} lives in {GPE Leeds}.'", "Ella", "Leeds"),
    asked("Summarize in one sentence: {PERSON Carla} fell off her bike. {PERSON Dieter} drove her home.", "Carla"),
    asked("Sort by name, one a line: {PERSON Walter}, {PERSON Anke}, {PERSON Moritz}.", "Walter", "Anke", "Moritz"),
    asked(
        "Make a list with dashes of the guests: {PERSON Ida}, {PERSON Bruno} and {PERSON Selma}.",
        "Ida",
        "Bruno",
        "Selma",
    ),
    asked("Write as JSON with keys name and town: {PERSON Felix} from {GPE Ulm}.", "Felix", "Ulm"),
    asked("Draft one line to {PERSON Ms. Okafor} that says I am late for the meeting.", "Okafor"),
    asked("{PERSON Hugo}'s car is red, {PERSON Mia}'s car is blue. Whose car is blue?", "Mia"),
    asked("Write a headline in bold Markdown about {PERSON Theo} who won the chess cup.", "Theo"),
    asked("Correct the spelling: 'Yesterday {PERSON Sofie} goed to {GPE Kassel}.'", "Sofie", "Kassel"),
    asked("{PERSON Karin} owes {PERSON Leo} 20 euros. Who gets money back?", "Leo"),
    asked("Send it to {STREET_ADDRESS 14 Elm Street}, says {PERSON Vera}. Where should it be sent?", "14 Elm Street"),
    asked("Meeting on {DATE_TIME 3 May 2026} with {PERSON Nora Blum} in {GPE Basel}. Who is the meeting with?", "Nora"),
    asked("{PERSON Pia} is {PERSON Knut}'s mother. Who is {PERSON Knut}'s mother?", "Pia"),
    asked("Write a short out-of-office note that names {PERSON Judith Lang} as my substitute.", "Judith"),
    asked("In capital letters: 'welcome, {PERSON Olaf}'.", "Olaf"),
    asked("Write a question that I could ask {PERSON Rosa} about her trip to {GPE Porto}.", "Rosa", "Porto"),
    asked("{PERSON Tim} called at 9, {PERSON Ute} at 10 and {PERSON Jan} at 11. Who called first?", "Tim"),
    asked("Reply yes to this: 'Can you meet {PERSON Boris} and me on {DATE_TIME 7 June 2026}?'", "7 June 2026"),
    asked("Server {IP_ADDRESS 10.4.7.21} of {ORGANIZATION Nordlicht} is down. Which address is down?", "10.4.7.21"),
)

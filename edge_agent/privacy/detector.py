"""Several detectors as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from orchestrator.ports import Detector
from orchestrator.privacy.finding import Finding

_RANKS: Final = {"pattern": 1, "name": 2}
"""Whom to believe where findings overlap: what the store knows comes first, a guess last."""


class Detectors:
    """Finds what any of several detectors finds; a `Detector` of `orchestrator.ports`."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        self._detectors = tuple(detectors)

    def find(self, text: str) -> Sequence[Finding]:
        """In the order of their starts; none overlaps another, and no word that one of them found is left out."""
        found = chain.from_iterable(detector.find(text) for detector in self._detectors)
        return [finding for each in resolved(found) if (finding := _trimmed(each, text)).end > finding.start]


def resolved(findings: Iterable[Finding]) -> Sequence[Finding]:
    """Findings without overlaps, that cover the same characters.

    One inside another belongs to it. Of two that reach into each other, those of one kind are joined; else what the
    store knows stays whole, then what has a form, then the longer, and the other keeps what is left of it. The label
    of the one that stays is the higher of both, with the source that gave it.
    """
    result: list[Finding] = []
    for each in _outermost(findings):
        finding = each
        while result and finding.start < result[-1].end:
            last = result.pop()
            if last.kind == finding.kind:
                winner, other = (last, finding) if _rank(last) <= _rank(finding) else (finding, last)
                finding = replace(_raised(winner, other), start=min(last.start, finding.start), end=finding.end)
            elif _rank(last) <= _rank(finding):
                result.append(_raised(last, finding))
                finding = replace(finding, start=last.end)
            else:
                finding = _raised(finding, last)
                if last.start < finding.start:
                    result.append(replace(last, end=finding.start))
        result.append(finding)
    return result


def _outermost(findings: Iterable[Finding]) -> Sequence[Finding]:
    """Those that lie in no other, with the labels of those inside them: both starts and ends ascend."""
    result: list[Finding] = []
    for finding in sorted(findings, key=lambda each: (each.start, -each.end, _RANKS.get(each.source, 0))):
        if result and finding.end <= result[-1].end:
            result[-1] = _raised(result[-1], finding)
        else:
            result.append(finding)
    return result


def _rank(finding: Finding) -> tuple[int, int]:
    return _RANKS.get(finding.source, 0), finding.start - finding.end


def _raised(winner: Finding, other: Finding) -> Finding:
    """The winner with the higher label of both, and the source that gave it.

    A guess that holds what the store knows is known: else a guess about more words ("M. Miller") would free the name in
    it, where a stranger's may leave.
    """
    if other.is_known and winner.source == "name":
        higher = max(winner.label, other.label, key=lambda label: label.rank)
        return replace(winner, kind=other.kind, label=higher, source=other.source)
    if winner.label.rank >= other.label.rank:
        return winner
    return replace(winner, label=other.label, source=other.source)


def _trimmed(finding: Finding, text: str) -> Finding:
    """Without what is no word at its ends, where only that is left of it; without white space in any case."""
    found = text[finding.start : finding.end]
    if not any(map(str.isalnum, found)):
        return replace(finding, end=finding.start)
    kept = found.strip()
    if len(kept) == len(found):
        return finding
    start = finding.start + found.index(kept)
    return replace(finding, start=start, end=start + len(kept))

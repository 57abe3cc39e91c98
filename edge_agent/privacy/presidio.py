"""Presidio as a detector, to compare with: `pip install edgewise[presidio]`. Nothing but `edgewise eval` loads it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from orchestrator.errors import ModelNotFound
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

_USUAL_MODEL: Final = "en_core_web_lg"
_LEAST_SCORE: Final = 0.4
"""Below it a result does not count: the threshold of presidio-research, whose published figures are for it."""
_KINDS: Final = {"LOCATION": Kind.GPE, "URL": Kind.DOMAIN_NAME, "US_BANK_NUMBER": Kind.ACCOUNT_NUMBER}
"""What Presidio calls otherwise. Its further types are numbers by which some office knows a person."""


def available() -> bool:
    """Whether Presidio is installed."""
    return find_spec("presidio_analyzer") is not None


class Presidio:
    """Presidio's analyzer as it comes, with its usual model, or else the first English model of spaCy here."""

    def __init__(self) -> None:
        self.model = _model()
        self._analyzer = _analyzer(self.model)

    def find(self, text: str) -> Sequence[Finding]:
        """What Presidio finds, by start."""
        results = self._analyzer.analyze(text=text, language="en", score_threshold=_LEAST_SCORE)
        found = (
            Finding(_kind(result.entity_type), result.start, result.end, Sensitivity.PERSONAL, "presidio")
            for result in results
        )
        return sorted(found, key=lambda finding: (finding.start, finding.end))


def _kind(entity: str) -> Kind:
    if entity in Kind.__members__:
        return Kind(entity)
    return _KINDS.get(entity, Kind.NATIONAL_ID)


def _model() -> str:
    from spacy.util import get_installed_models

    installed = sorted(name for name in get_installed_models() if name.startswith("en_"))
    if not installed:
        raise ModelNotFound("spaCy has no English model here", remedy=f"install {_USUAL_MODEL} for Presidio")
    return _USUAL_MODEL if _USUAL_MODEL in installed else installed[0]


def _analyzer(model: str) -> AnalyzerEngine:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    from tldextract import TLDExtract, tldextract

    # Its recognizer of mail addresses would fetch a list of domains at the first text: the one in the package will do.
    tldextract.TLD_EXTRACTOR = TLDExtract(suffix_list_urls=(), cache_dir=None)
    provider = NlpEngineProvider()
    provider.nlp_configuration["models"] = [{"lang_code": "en", "model_name": model}]
    return AnalyzerEngine(nlp_engine=provider.create_engine())

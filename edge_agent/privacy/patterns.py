"""What is known by its form: identifiers with check digits, and what is written in ways that nothing else is."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.privacy import credentials, identities, manners, moments, network, payments, phones
from edge_agent.privacy.page import Page
from orchestrator.privacy.finding import Finding


class Patterns:
    """Finds by form and check digits; a `Detector` of `orchestrator.ports`.

    The order matters: a key may look like a mail address, a date like a telephone number. What is more certain comes
    first, and takes its characters.
    """

    def find(self, text: str) -> Sequence[Finding]:
        """In the order of their starts; none overlaps another."""
        page = Page(text)
        network.find_urls(page)
        credentials.find(page)
        network.find(page)
        identities.find_licenses(page)
        payments.find(page)
        moments.find_dates(page)
        identities.find(page)
        manners.find_codes(page)
        phones.find(page)
        moments.find_ages(page)
        manners.find_titles(page)
        return sorted(page.found, key=lambda finding: finding.start)

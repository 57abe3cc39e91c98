"""The way to the cloud: whether it is up, and on what terms the model behind it works."""

from __future__ import annotations

import asyncio

from orchestrator.errors import CloudError
from orchestrator.ports import Clock, CloudModel
from orchestrator.types import LinkState, Terms


class Link:
    """Remembers the last contact with the cloud, so that a dead link costs one short wait and not one a question."""

    def __init__(
        self, cloud: CloudModel | None, clock: Clock, *, patience_s: float = 3.0, quiet_s: float = 5.0
    ) -> None:
        """Watch the way to `cloud`.

        Args:
            cloud: the model behind the gateway, or None where none is configured.
            clock: monotonic time.
            patience_s: how long the first contact may take.
            quiet_s: how long a failed link is left alone.
        """
        self.cloud = cloud
        self._clock = clock
        self._patience_s = patience_s
        self._quiet_s = quiet_s
        self._terms: Terms | None = None
        self._down_since: float | None = None
        self.fault: CloudError | None = None
        """Why the last contact failed; None while the link is up."""

    @property
    def state(self) -> LinkState:
        """What is known now, without asking anybody."""
        if self.cloud is None:
            return LinkState.NONE
        return LinkState.UP if self._down_since is None else LinkState.DOWN

    async def contact(self) -> Terms | None:
        """The terms of the cloud model; None where it cannot be reached. Asks once, and again after a failure.

        Never raises: the reason is kept in `fault`.
        """
        if self.cloud is None or self._resting:
            return None
        if self._terms is None or self._down_since is not None:
            try:
                async with asyncio.timeout(self._patience_s):
                    self._terms = await self.cloud.terms()
            except TimeoutError:
                self.lost(CloudError(f"{self.cloud.name} did not answer within {self._patience_s:g} s"))
                return None
            except CloudError as error:
                self.lost(error)
                return None
            self._down_since = None
            self.fault = None
        return self._terms

    def lost(self, fault: CloudError) -> None:
        """A call failed: leave the link alone for a while."""
        self._down_since = self._clock.monotonic()
        self.fault = fault

    @property
    def _resting(self) -> bool:
        return self._down_since is not None and self._clock.monotonic() - self._down_since < self._quiet_s

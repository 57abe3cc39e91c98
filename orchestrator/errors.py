"""Every error that Edgewise raises, in one tree.

EdgewiseError
├── InvalidRequest            the caller asked for something that cannot be
│   └── InvalidFormat         a form of the answer that cannot be held to
├── ConfigError               a configuration file, key or value is wrong
├── ModelError                a model file or its run
│   ├── ModelNotFound         not in the catalog, or not pulled yet
│   ├── ModelCorrupt          truncated, altered, or not what its name says
│   ├── ModelUnsupported      an architecture or layout that cannot be loaded
│   ├── DownloadFailed        no source delivered the bytes
│   ├── ContextWindowExceeded the prompt does not fit the model
│   └── InferenceFailed       the runtime failed, or the logits are not numbers
├── StoreError                the personal-context store, the ledger or the journal
│   ├── StoreCorrupt          the file is damaged or not a store
│   ├── StoreUnavailable      in use, read-only, full or from a newer version
│   ├── StoreLocked           encrypted, and its key is missing or wrong, or cannot be used here
│   ├── RecordNotFound        no record or decision with that id
│   └── ImportFailed          a source could not be read at all
├── PrivacyError
│   └── EgressRefused         the text may not leave this device
├── BudgetExhausted           no route is affordable now; says when a window opens again
├── DeadlineExceeded          time ran out before any answer
├── Cancelled                 the caller went away
├── ProcessFailed             a program that we started did not come up
└── CloudError                the gateway or what is behind it
    ├── CloudUnavailable      no link, connection lost, or overloaded
    ├── CloudTimeout          no (further) token within the deadline
    ├── CloudUnauthenticated  the key is missing or wrong
    ├── CloudDenied           the key may not do this
    ├── CloudRateLimited      over quota; says how long to wait
    ├── CloudRejected         the gateway refused the request as malformed
    ├── CloudNotFound         the gateway does not have that answer any more
    ├── CloudTruncated        the stream ended without its last event
    └── CloudInternal         a fault of the gateway or its upstream

Each message names the thing at fault; `remedy` says what to do about it. Neither ever holds the user's text.
"""

from __future__ import annotations

import re
from datetime import datetime


class EdgewiseError(Exception):
    """The root of the tree.

    Attributes:
        message: what went wrong, naming the thing.
        remedy: what the reader can do, or an empty string.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    @property
    def type(self) -> str:
        """The class name in snake case: `budget_exhausted`. Stable, for machines."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.__class__.__name__).lower()

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


class InvalidRequest(EdgewiseError):
    """The caller asked for something that cannot be: an empty question, a negative budget, an unknown route."""


class InvalidFormat(InvalidRequest):
    """The form asked of an answer: not well written, not supported, too large, or nothing can satisfy it."""


class ConfigError(EdgewiseError):
    """A configuration file, key or value is wrong."""


class ModelError(EdgewiseError):
    """A model file or its run."""


class ModelNotFound(ModelError):
    """Not in the catalog, or not pulled yet."""


class ModelCorrupt(ModelError):
    """Truncated, altered, or not what its name says."""


class ModelUnsupported(ModelError):
    """An architecture or layout that cannot be loaded."""


class DownloadFailed(ModelError):
    """No source delivered the bytes."""


class ContextWindowExceeded(ModelError):
    """The prompt, or the prompt and the wanted answer, does not fit the model's window."""


class InferenceFailed(ModelError):
    """The runtime failed, or the logits are not numbers."""


class StoreError(EdgewiseError):
    """The personal-context store, the ledger or the journal."""


class StoreCorrupt(StoreError):
    """The file is damaged or is not one of ours."""


class StoreUnavailable(StoreError):
    """In use by another program, read-only, full, or written by a newer version."""


class StoreLocked(StoreError):
    """Encrypted, and its key is missing or wrong, or what decrypts it is not installed; or not encrypted, as it should
    be."""


class RecordNotFound(StoreError):
    """No record or decision has that id."""


class ImportFailed(StoreError):
    """A source could not be read at all."""


class PrivacyError(EdgewiseError):
    """Something would have broken a privacy rule."""


class EgressRefused(PrivacyError):
    """The text may not leave this device."""


class BudgetExhausted(EdgewiseError):
    """No route is affordable now.

    Attributes:
        reopens_at: when the window that refused opens again, where one did.
    """

    def __init__(self, message: str, *, remedy: str = "", reopens_at: datetime | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.reopens_at = reopens_at


class DeadlineExceeded(EdgewiseError):
    """Time ran out before any answer."""


class Cancelled(EdgewiseError):
    """The caller went away."""


class ProcessFailed(EdgewiseError):
    """A program that we started did not come up."""


class CloudError(EdgewiseError):
    """The gateway or what is behind it.

    Attributes:
        retry_after_s: how many seconds to wait before another try, where waiting helps.
        resumable: whether the connection or the gateway was lost, and not the answer: it can be taken up under its
            request id, there or at another gateway. Where it is false, the model would be asked anew.
    """

    def __init__(
        self, message: str, *, remedy: str = "", retry_after_s: float | None = None, resumable: bool = False
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s
        self.resumable = resumable


class CloudUnavailable(CloudError):
    """No link, connection lost, or overloaded."""


class CloudTimeout(CloudError):
    """No (further) token within the deadline."""


class CloudUnauthenticated(CloudError):
    """The key is missing or wrong."""


class CloudDenied(CloudError):
    """The key may not do this."""


class CloudRateLimited(CloudError):
    """Over quota; `retry_after_s` says how long to wait."""


class CloudRejected(CloudError):
    """The gateway refused the request as malformed or too large."""


class CloudNotFound(CloudError):
    """The gateway does not have that answer any more, or it is not as long as was said."""


class CloudTruncated(CloudError):
    """The stream ended without its last event."""


class CloudInternal(CloudError):
    """A fault of the gateway or its upstream."""

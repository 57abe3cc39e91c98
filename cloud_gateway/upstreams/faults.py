"""What goes wrong upstream, as one of our errors. Nothing of the upstream's own words is passed on: they may quote the
request, or show a key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from cloud_gateway.upstreams.formats.format import Fault
from orchestrator.errors import (
    CloudError,
    CloudInternal,
    CloudRateLimited,
    CloudRejected,
    CloudTimeout,
    CloudTruncated,
    CloudUnavailable,
)

RETRY_S: Final = 1.0
"""The wait that is advised where the upstream advises none."""
_LONGEST_WAIT_S: Final = 86_400.0
_UNREACHABLE: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ServerFingerprintMismatch,
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")


def of_status(http_status: int, fault: Fault, headers: Mapping[str, str], *, now: datetime) -> CloudError:
    """The error of an HTTP response that is none of success."""
    http_status = fault.http_status or http_status
    wait_s = retry_after_s(headers, now) if fault.retry_after_s is None else _bounded(fault.retry_after_s)
    if http_status == 429:
        return CloudRateLimited("the upstream is over its limit", remedy="wait, and ask again", retry_after_s=wait_s)
    if http_status in (400, 413, 422):
        return CloudRejected(f"the upstream refused the request{_named(fault)}", remedy="change what it names")
    if http_status in (401, 402, 403):
        return CloudInternal(
            f"the upstream refused the gateway's own key (HTTP {http_status})",
            remedy="the operator: check the variable that its api_key_env names",
        )
    if http_status in (408, 425) or http_status >= 500:
        return CloudUnavailable(
            f"the upstream answered HTTP {http_status}{_named(fault)}",
            remedy="ask again",
            retry_after_s=wait_s,
        )
    return CloudInternal(
        f"the upstream answered HTTP {http_status}{_named(fault)}",
        remedy="the operator: check its base_url and the model's upstream_name",
    )


def of_fault(fault: Fault, *, now: datetime) -> CloudError:
    """The error that a stream reports after its beginning; a code that is an HTTP status counts as one."""
    code = str(fault.http_status or fault.code)
    if re.fullmatch(r"[45]\d\d", code):
        counted = Fault(type=fault.type, param=fault.param, retry_after_s=fault.retry_after_s)
        return of_status(int(code), counted, {}, now=now)
    return CloudInternal(f"the upstream failed in the middle of the answer{_named(fault)}", remedy="ask again")


def of_transport(error: aiohttp.ClientError | TimeoutError, *, begun: bool, limit: str) -> CloudError:
    """The error of a connection that could not be made, fell silent, broke or speaks no HTTP.

    Args:
        error: what the client raised.
        begun: the response had begun already.
        limit: the key of the configuration that says how long this silence may last.
    """
    if isinstance(error, _UNREACHABLE):
        return CloudUnavailable(
            "the upstream cannot be reached", remedy="the operator: is it running?", retry_after_s=RETRY_S
        )
    if isinstance(error, TimeoutError):
        return CloudTimeout("the upstream fell silent", remedy=f"the operator: its {limit} is how long it may")
    if isinstance(error, aiohttp.ClientResponseError):
        return CloudInternal(
            f"the upstream's HTTP makes no sense ({type(error).__name__})", remedy="the operator: check its base_url"
        )
    if begun:
        return CloudTruncated("the upstream broke off in the middle of the answer", remedy="ask again")
    return CloudUnavailable("the upstream broke the connection off", remedy="ask again", retry_after_s=RETRY_S)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait, from `Retry-After` (RFC 9110, 10.2.3: seconds or a date); `RETRY_S` where it says nothing."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return _bounded(float(value))
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return RETRY_S
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _bounded((moment - now).total_seconds())


def _bounded(wait_s: float) -> float:
    """A wait that can be told, whatever the upstream says."""
    return min(max(0.0, wait_s), _LONGEST_WAIT_S)


def _named(fault: Fault) -> str:
    """The upstream's machine-readable words, where they are single words and so no quotation."""
    words = [str(word) for word in (fault.code, fault.type, fault.param) if word is not None]
    kept = [word for word in words if _TOKEN.fullmatch(word)]
    return f": {', '.join(kept)}" if kept else ""

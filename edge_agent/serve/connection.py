"""The client's side of a request: its body, within bounds, and whether it is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from anyio import CancelScope
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from orchestrator.errors import Cancelled

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""Far more text than any model's window holds."""

T = TypeVar("T")


async def read_within_bounds(request: Request) -> bytes:
    """The body.

    Raises:
        HTTPException: status 413, as soon as it is longer than `MAX_BODY_BYTES`.
        Cancelled: the client went away.
    """
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise HTTPException(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
            chunks.append(chunk)
    except ClientDisconnect:
        raise Cancelled("the client went away") from None
    return b"".join(chunks)


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end, or cancel it once the client is gone. The body has been read before.

    Raises:
        Cancelled: the client went away.
    """
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Cancelled("the client went away")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
        with CancelScope(shield=True):  # whatever the work uses is free again only when it has ended
            await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

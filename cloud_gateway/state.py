"""The one Redis client of a gateway's process: what several gateways share goes through it.

The package `redis` is the extra `edgewise[redis]`. It is imported only where the configuration has a section `state`,
so a gateway on its own does without it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from cloud_gateway.sections.state import StateSection
from orchestrator.errors import CloudUnavailable, ConfigError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

RETRY_AFTER_S: Final = 1.0
"""What callers are told to wait while Redis cannot be reached."""


class SharedState:
    """What several gateways share.

    A command whose connection breaks is sent once more, so every script has to bear being run twice.
    """

    def __init__(self, redis: Redis, key_prefix: str) -> None:
        self.redis = redis
        """For commands. They raise redis-py's own errors: see `faults`."""
        self._key_prefix = key_prefix

    def key(self, *parts: str) -> str:
        """The name of a key: the configured prefix, then `parts` with colons between them."""
        return self._key_prefix + ":".join(parts)

    def script(self, source: str) -> AsyncScript:
        """A Lua script, which Redis runs as one. It is sent once, and from then on called by its digest."""
        return self.redis.register_script(source)

    async def reachable(self) -> bool:
        """Whether Redis answers."""
        try:
            with faults():
                return bool(await self.redis.ping())
        except CloudUnavailable:
            return False


@asynccontextmanager
async def opened(
    section: StateSection | None,
    environment: Mapping[str, str],
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> AsyncIterator[SharedState | None]:
    """The shared state that `section` names, from here to the end of the block; None without a section. `around` is put
    around every command, for whoever times them.

    Raises:
        ConfigError: the package is not installed, the variable with the URL is missing, or Redis refuses the client.
        CloudUnavailable: Redis cannot be reached.
    """
    if section is None:
        yield None
        return
    redis = _client(section, _url(section, environment), around)
    try:
        with faults(), _first_contact():
            await redis.ping()
        yield SharedState(redis, section.key_prefix)
    finally:
        await redis.aclose()


@contextmanager
def faults() -> Iterator[None]:
    """Turns what redis-py raises inside the block into our own errors. Redis's words stay out: they may quote a value.

    Raises:
        CloudUnavailable: Redis did not answer, or would not.
    """
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError) as error:
        raise CloudUnavailable(
            f"the state that the gateways share cannot be used ({type(error).__name__})",
            remedy="ask again in a moment; the operator: look at Redis",
            retry_after_s=RETRY_AFTER_S,
            resumable=True,
        ) from None


def _client(section: StateSection, url: str, around: Callable[[], AbstractContextManager[None]]) -> Redis:
    try:
        from redis.asyncio import BlockingConnectionPool
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        from cloud_gateway.telemetry.redis import TimedRedis
    except ImportError:
        raise ConfigError("the section state needs the package redis", remedy="pip install 'edgewise[redis]'") from None
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=section.connections,
            timeout=section.timeout_s,
            socket_timeout=section.timeout_s,
            socket_connect_timeout=section.timeout_s,
            # Once: enough for a connection that went stale while nobody used it.
            retry=Retry(NoBackoff(), 1),
        )
    except ValueError:
        raise ConfigError(
            "the URL of state is none that Redis has", remedy="for instance redis://127.0.0.1:6379/0"
        ) from None
    return TimedRedis(pool, around)


def _url(section: StateSection, environment: Mapping[str, str]) -> str:
    if section.redis_url is not None:
        return section.redis_url
    name = section.redis_url_env or ""
    if url := environment.get(name, "").strip():
        return url
    raise ConfigError(
        f"the environment variable {name}, for the URL of Redis, is not set",
        remedy="set it, or give state.redis_url, or leave the section state out",
    )


@contextmanager
def _first_contact() -> Iterator[None]:
    """What Redis says at the first command about who we are is the operator's mistake, and no reason to wait."""
    from redis.exceptions import AuthenticationError, RedisError, ResponseError

    try:
        yield
    except RedisError as error:
        # While it connects, the client wraps what Redis said.
        said = error.__cause__ or error
        if not isinstance(said, AuthenticationError | ResponseError):
            raise
        raise ConfigError(
            f"Redis refuses the gateway ({type(said).__name__})",
            remedy="check user and password in the URL of state",
        ) from None

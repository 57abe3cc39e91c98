"""`edgewise context embed`, and how an import embeds what it brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.cli.context.shown import counted
from edge_agent.cli.terminal import ConfigOption, console

if TYPE_CHECKING:
    from edge_agent.context.store import SqliteContextStore


def embed(config: ConfigOption = None) -> None:
    """Embed now what recall cannot find by its meaning yet; an open agent does it little by little.

    After `context.embedding` was changed, everything is embedded anew. Until that is complete, the former model's
    vectors serve; then they are removed. Ctrl-C is fine: it goes on from there.
    """
    from edge_agent.assembly import chosen_embedder
    from edge_agent.cli.progress import shown_progress
    from edge_agent.config import Config
    from edge_agent.context.opening import open_context
    from edge_agent.slm.cores import usable_cores

    chosen = Config.load(config)
    embedder = chosen_embedder(chosen, shown_progress(), threads=usable_cores())
    with open_context(chosen, embedder) as store:
        embed_missing(store)
        records = store.stats().records
    console().print(f"{counted(records, 'record')} can be found by meaning, with {embedder.name}.", markup=False)


def embed_missing(store: SqliteContextStore) -> None:
    """Embed what is not embedded yet. Stopped in between, it goes on at the next time, or in an open agent."""
    from edge_agent.cli.progress import shown_progress

    missing = store.count_missing()
    if not missing:
        store.embed_missing()  # what is left of a former model is removed
        return
    with shown_progress().task(f"embedding {counted(missing, 'record')}", missing, in_bytes=False) as advance:
        done = 0
        while embedded := store.embed_missing():
            done += embedded
            advance(done)

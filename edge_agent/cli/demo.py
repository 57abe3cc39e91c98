"""`edgewise demo`: see all of it work."""

from __future__ import annotations

import signal

from edge_agent.cli.progress import Bars, Lines
from edge_agent.cli.terminal import console


def demo() -> None:
    """Watch the whole system at once: a cloud model, the gateway, the agent, and twelve questions.

    Pulls the two models the first time (about 600 MB). With CLOUD_BASE_URL and CLOUD_API_KEY set, the gateway asks that
    OpenAI-compatible server instead of a second model on this machine. Every process ends with the demo.
    """
    from edge_agent.cli.opening import require_network
    from edge_agent.demo.play import play

    require_network(
        "the demo asks a cloud model", remedy="run it from another home: EDGEWISE_HOME=FOLDER edgewise demo"
    )
    # Being asked to end is Ctrl-C: both leave through the same blocks, which end the children.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    screen = console()
    play(screen, Bars(screen) if screen.is_terminal else Lines(screen))

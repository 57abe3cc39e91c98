"""Stopping a computation that runs in another thread."""

from __future__ import annotations

import onnxruntime


class Interrupted(Exception):
    """The computation was stopped. Never leaves `edge_agent.slm`."""


class Interrupt:
    """A request to stop, set from any thread and for good.

    It reaches into a running graph: ONNX Runtime looks at `RunOptions.terminate` before each of the graph's nodes, so
    that the longest prefill ends within a few milliseconds.
    """

    def __init__(self) -> None:
        self.run_options = onnxruntime.RunOptions()

    def set(self) -> None:
        """Stop the run in progress, and every later one."""
        self.run_options.terminate = True

    def check(self) -> None:
        """Between two runs.

        Raises:
            Interrupted: `set` was called.
        """
        if self.run_options.terminate:
            raise Interrupted

"""The gateway with its logs at debug level: `python -m benchmarks.canaries.loud_gateway serve --config FILE`."""

from __future__ import annotations

import logging
from typing import TextIO

from cloud_gateway import cli, logs


def main() -> None:
    """Be `edgewise-gateway`, whose own log has no level to choose."""
    configure = logs.configure

    def loudly(stream: TextIO) -> None:
        configure(stream)
        logging.getLogger().setLevel(logging.DEBUG)
        logging.getLogger("cloud_gateway").setLevel(logging.DEBUG)

    logs.configure = loudly
    cli.main()


if __name__ == "__main__":
    main()

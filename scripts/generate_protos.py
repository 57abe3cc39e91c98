"""Make the Python code of the wire from protos/, or check that what is committed is current.

    .venv/bin/python scripts/generate_protos.py            write orchestrator/v1/*_pb2*.py and .pyi
    .venv/bin/python scripts/generate_protos.py --check    exit 1, naming the files, where they differ

The compiler is the one of grpcio-tools, so that no other program is needed; mypy-protobuf writes the stubs.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
import tempfile
from pathlib import Path

import grpc_tools  # type: ignore[import-untyped]
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GENERATED = "orchestrator/v1/*_pb2*.py*"


def generate(out: Path) -> None:
    """Write the generated modules under `out`, in the folders of their package.

    Raises:
        SystemExit: the compiler found a mistake, and has said where.
    """
    scripts = Path(sysconfig.get_path("scripts"))
    common = [
        "protoc",
        f"--proto_path={PROTOS}",
        f"--proto_path={Path(grpc_tools.__file__).parent / '_proto'}",
        *(f"--plugin={path}" for path in sorted(scripts.glob("protoc-gen-mypy*"))),
    ]
    sources = sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))
    services = [path for path in sources if path.endswith("_service.proto")]
    wanted = [(("python", ""), sources), (("mypy", "quiet:"), sources)]
    wanted += [(("grpc_python", ""), services), (("mypy_grpc", "quiet:"), services)]
    for (plugin, option), files in wanted:
        if protoc.main([*common, f"--{plugin}_out={option}{out}", *files]) != 0:
            raise SystemExit(1)


def differences(fresh: Path) -> list[str]:
    """The generated files that are missing, left over or not what `fresh` has, relative to the repository."""
    new = {path.relative_to(fresh): path.read_bytes() for path in fresh.glob(GENERATED)}
    old = {path.relative_to(ROOT): path.read_bytes() for path in ROOT.glob(GENERATED)}
    return sorted(path.as_posix() for path in new.keys() | old.keys() if new.get(path) != old.get(path))


def main() -> int:
    """Generate, or check; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail where the committed code is not current"
    )
    if not parser.parse_args().check:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = differences(Path(folder))
    for path in stale:
        sys.stderr.write(f"{path} is not what protos/ gives: run `make proto` and commit it\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What the project promises about itself: its dependencies, its layers, its files and its links."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Set
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PRODUCTS = ("orchestrator", "edge_agent", "cloud_gateway", "simulation", "benchmarks")
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$|^constraints\.txt$|^LICENSE$")
LONGEST_FILE = 450
LARGEST_FILE_BYTES = 1_000_000
UNLOCKED_EXTRAS = frozenset({"presidio"})
"""Peers to measure beside: installed by those who want to compare."""


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git tracks and that is there."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the project is not known")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> list[str]:
    """The lines of a text file; none of one that is not UTF-8 (a fixture in an old encoding)."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


# --- dependencies -----------------------------------------------------------------------------------------------


def direct_requirements(*, without: Set[str] = UNLOCKED_EXTRAS) -> Iterator[Requirement]:
    """Everything that pyproject.toml asks for by name, but for our own extras and those `without`."""
    project = PYPROJECT["project"]
    groups = [PYPROJECT["build-system"]["requires"], project["dependencies"], PYPROJECT["dependency-groups"]["dev"]]
    groups += [lines for extra, lines in project["optional-dependencies"].items() if extra not in without]
    for group in groups:
        for line in group:
            if (requirement := Requirement(line)).name != project["name"]:
                yield requirement


def pins() -> dict[str, str]:
    """The locked version of each package that this platform and this Python take."""
    found: dict[str, str] = {}
    for line in lines(ROOT / "constraints.txt"):
        if line and line[0].isalnum():
            requirement = Requirement(line.removesuffix("\\"))
            if requirement.marker is None or requirement.marker.evaluate():
                found[canonicalize_name(requirement.name)] = next(iter(requirement.specifier)).version
    return found


def closure(roots: Iterable[Requirement]) -> dict[str, str]:
    """The installed version of everything that `roots` need here, directly or not."""
    versions: dict[str, str] = {}
    done: set[tuple[str, str]] = set()
    todo = [(requirement.name, extra) for requirement in roots for extra in ("", *requirement.extras)]
    while todo:
        name, extra = todo.pop()
        if (key := (canonicalize_name(name), extra)) in done:
            continue
        done.add(key)
        versions[key[0]] = metadata.version(name)
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                todo += [(needed.name, wanted) for wanted in ("", *needed.extras)]
    return versions


def direct_names(*extras: str) -> set[str]:
    """The packages that the base install and `extras` ask for by name."""
    project = PYPROJECT["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    own = [requirement for line in lines if (requirement := Requirement(line)).name == project["name"]]
    others = {canonicalize_name(Requirement(line).name) for line in lines} - {project["name"]}
    return others.union(*(direct_names(*requirement.extras) - others for requirement in own))


def imported_distributions(folder: str) -> Iterator[tuple[str, Set[str]]]:
    """Each import of a third party's package under `folder`: where, and which distributions could bring it."""
    providers = metadata.packages_distributions()
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for top in {module.partition(".")[0] for module in modules} - {*PRODUCTS, *sys.stdlib_module_names}:
                found = {canonicalize_name(name) for name in providers.get(top, [top])}
                yield f"{name_of(path)}:{top}", found


PACKAGE_EXTRAS = {
    "orchestrator": ("config", "promise", "telemetry"),
    "cloud_gateway": ("gateway", "redis", "ray"),
    "edge_agent": ("models", "serve", "mcp", "encryption", "gpu", "plot", "train", "presidio"),
}


@pytest.mark.parametrize(("package", "extras"), PACKAGE_EXTRAS.items())
def test_a_package_imports_only_what_its_extras_ask_for(package: str, extras: tuple[str, ...]) -> None:
    asked = direct_names(*extras)
    assert not [place for place, providers in imported_distributions(package) if not providers & asked]


def test_every_dependency_is_used() -> None:
    used = {
        name for package in PACKAGE_EXTRAS for _, providers in imported_distributions(package) for name in providers
    }
    assert direct_names("all") <= used


def test_the_lock_file_satisfies_pyproject() -> None:
    locked = pins()
    unmet = [
        str(requirement)
        for requirement in direct_requirements()
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"))
    ]
    assert not unmet, f"constraints.txt does not give {unmet}: run `make lock`"


def test_the_lock_file_is_what_is_installed_and_nothing_more() -> None:
    locked, needed = pins(), closure(direct_requirements())
    missing = {name: version for name, version in needed.items() if locked.get(name) != version}
    assert not missing, f"constraints.txt does not give {missing}: run `make lock`, then `make env`"
    assert not locked.keys() - needed.keys(), "nothing needs these any more: run `make lock`"


def test_the_lock_file_leaves_the_choice_of_an_index_to_the_user() -> None:
    options = [line for line in lines(ROOT / "constraints.txt") if line.startswith("-")]
    assert options == []


def test_every_direct_dependency_is_explained() -> None:
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    explained = {canonicalize_name(name) for name in re.findall(r"^\| `([\w.-]+)`", page, re.MULTILINE)}
    direct = {canonicalize_name(requirement.name) for requirement in direct_requirements(without=frozenset())}
    assert direct == explained


# --- layers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("orchestrator.client", {"onnxruntime", "sqlite_utils", "numpy", "pydantic"}),
        ("cloud_gateway.cli", {"onnxruntime", "sqlite_utils", "numpy"}),
        ("edge_agent.cli", {"onnxruntime", "onnx", "gguf", "huggingface_hub", "uvicorn", "sqlcipher3", "keyring"}),
    ],
)
def test_importing_a_front_door_leaves_heavy_packages_alone(module: str, heavy: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert heavy & set(run.stdout.split()) == set()


def test_no_library_reports_home(tmp_path: Path) -> None:
    """ONNX Runtime would leave its telemetry's database and a device id in the cache folder, and upload from there."""
    # Continuous integration has no telemetry anyway: the test must not be fooled by being run there.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", "import edge_agent.slm.session, onnxruntime"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []


WAYS_OUT = {"Outbound", "ClearText", "arrived"}
"""What makes text that may leave. `arrived` is for the other end of the wire."""


def ways_round(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where text that may leave is made: by a call, or by a cast to a type of it, also one that is written as text."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
        told = {*re.findall(r"\w+", ast.unparse(node.args[0]))} if called == "cast" and node.args else {called}
        yield from ((node.lineno, name) for name in told & WAYS_OUT)


def test_text_that_may_leave_is_made_in_one_place() -> None:
    found = {
        f"{name_of(path)}:{line}: {name}"
        for product in PRODUCTS
        for path in (ROOT / product).rglob("*.py")
        for line, name in ways_round(ast.parse(path.read_bytes()))
        if path.parent != ROOT / "orchestrator" / "privacy"
        if (name, path) != ("arrived", ROOT / "orchestrator" / "wire" / "requests.py")
    }
    assert not found, "only orchestrator/privacy may make text that may leave"


@pytest.mark.parametrize(
    "program",
    [
        "egress.Outbound((), prefix, (), door)",
        "ClearText(text)",
        "cast(ClearText, text)",
        "typing.cast('tuple[ClearText, ...]', texts)",
        "cast('egress.Outbound', prompt)",
        "arrived(text)",
    ],
)
def test_a_way_round_the_door_is_seen(program: str) -> None:
    assert list(ways_round(ast.parse(program)))


# --- files ------------------------------------------------------------------------------------------------------


def test_no_tracked_file_names_a_machine_or_a_package_registry() -> None:
    # Written in pieces, so that this file passes its own check.
    registries = ("pypi." + "org", "python" + "hosted", "npmjs." + "org", "deb.debian." + "org", "crates." + "io")
    folders = r"(?<![\w.~-])/(work|root|tmp|home)" + "/"
    forbidden = re.compile("|".join([folders, *map(re.escape, registries)]))
    found = [
        f"{name_of(path)}:{number}"
        for path in tracked()
        for number, line in enumerate(lines(path), 1)
        if forbidden.search(line)
    ]
    assert not found


def test_files_are_short_enough_to_read() -> None:
    code = [path for path in tracked() if path.suffix in {".py", ".md", ".proto", ".yaml", ""}]
    long = {name_of(path): count for path in code if (count := len(lines(path))) > LONGEST_FILE}
    assert not {name: count for name, count in long.items() if not GENERATED.search(name)}


def test_no_model_or_data_set_is_committed() -> None:
    assert not [name_of(path) for path in tracked() if path.stat().st_size > LARGEST_FILE_BYTES]


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{name_of(page)}: {target}"
        for page in tracked()
        if page.suffix == ".md"
        for target in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken

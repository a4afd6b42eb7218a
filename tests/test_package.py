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
LEFT_OUT = {"runs", "build", "dist"}
TEXTS = [
    path
    for top in ROOT.iterdir()
    if top.name in (".ci", ".gitignore", ".pre-commit-config.yaml")
    or not (top.name.startswith(".") or top.name in LEFT_OUT)
    for path in ([top] if top.is_file() else sorted(top.rglob("*")))
    if path.is_file() and path.suffix not in (".safetensors", ".pyc")
]
NOT_YET = {
    "modelswarms.preparation.current_header",
    "modelswarms.preparation.versions",
    "modelswarms.search.best_single",
    "modelswarms.zoo.build.model.rms_norm",
}
"""Public names that are not in their module's `__all__`, or have no docstring; the list may only become shorter."""


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
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        assert hasattr(module, public)
    for node in ast.parse(Path(module.__file__).read_text()).body:
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if public and f"{name}.{node.name}" not in NOT_YET:
            assert node.name in module.__all__, f"{name}: {node.name} is not in __all__"
            assert ast.get_docstring(node), f"{name}: {node.name} has no docstring"


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


def test_the_swarm_needs_numpy_and_nothing_else():
    allowed = {*sys.stdlib_module_names, "numpy"}
    ours = ("modelswarms.swarm", "modelswarms.types", "modelswarms.errors", "modelswarms.naming")
    for path in (ROOT / "src" / "modelswarms" / "swarm").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in allowed or name.startswith(ours), f"{path.name} imports {name}"


def test_the_repository_speaks_of_itself_alone():
    places = re.compile(
        r"/(?:work|home|root|Users)/\w|\b(?:py(?:pi|thonhosted|torch)|anaconda|crates|npmjs)\.(?:org|io|com)\b"
    )
    assert len(TEXTS) > 100
    for path in TEXTS:
        found = places.search(path.read_text())
        assert not found, f"{path}: {found}"


def test_links_in_the_docs_lead_somewhere():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_typed():
    assert (ROOT / "src" / "modelswarms" / "py.typed").exists()

"""A utility of one's own: a class, an object, or a plain function in a Python file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from modelswarms.errors import ConfigError, EvaluationError
from modelswarms.naming import nearest
from modelswarms.types import Example, Model, Score, Utility

__all__ = ["FunctionUtility", "load_target"]


@dataclass(frozen=True)
class FunctionUtility:
    """Scores by calling ``function(examples, model)``, which gives one float or Score an example."""

    function: Callable[[Sequence[Example], Model], Sequence[float | Score]]
    name: str
    fingerprint: str | None = None
    range: tuple[float, float] | None = None

    def prompt(self, example: Example) -> str:
        """The question, by whose length examples are sorted."""
        return example.question

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """What the function gives, as scores. Raises EvaluationError where that is something else."""
        got = list(self.function(examples, model))
        if len(got) != len(examples):
            raise EvaluationError(f"utility {self.name} gave {len(got)} scores for {len(examples)} examples.")
        return [self._scored(value) for value in got]

    def aggregate(self, scores: Sequence[float]) -> float:
        """Their mean."""
        return sum(scores) / len(scores)

    def _scored(self, value: Any) -> Score:
        if isinstance(value, Score):
            return value
        try:
            return Score(float(value))
        except (TypeError, ValueError):
            raise EvaluationError(
                f"utility {self.name} gave {value!r} for a score; give a number or a Score."
            ) from None


def load_target(target: str, folder: Path) -> Utility:
    """The utility that ``module:attribute`` names, from a file in ``folder`` or an installed module.

    A class is instantiated without arguments; a function becomes a :class:`FunctionUtility`.

    Raises:
        ConfigError: there is no such module or attribute, it cannot be imported, or it is no utility.
    """
    name, colon, attribute = target.partition(":")
    if not colon or not name or not attribute:
        raise ConfigError(f"utility.target: {target!r} is not allowed; write module:attribute.")
    module = _module(name, folder)
    if not hasattr(module, attribute):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise ConfigError(f"utility.target: {name} has no {attribute!r}; {nearest(attribute, public)}")
    found = getattr(module, attribute)
    if inspect.isclass(found):
        try:
            found = found()
        except TypeError as error:
            raise ConfigError(f"utility.target: {target} cannot be made without arguments ({error}).") from None
    if callable(getattr(found, "score", None)):
        missing = [key for key in ("name", "range", "prompt", "aggregate") if not hasattr(found, key)]
        if missing:
            raise ConfigError(f"utility.target: {target} lacks {', '.join(missing)}; see docs/utilities.md.")
        utility: Utility = found
        return utility
    if callable(found):
        return FunctionUtility(found, target, _fingerprint(module))
    raise ConfigError(f"utility.target: {target} is a {type(found).__name__}; give a function or a utility class.")


def _module(name: str, folder: Path) -> ModuleType:
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    try:
        with _importable(folder):
            return _from_file(name, path) if path.is_file() else importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in (name, name.split(".")[0]):
            raise ConfigError(
                f"utility.target: no module {name!r} in {folder} nor installed; check the name."
            ) from None
        raise ConfigError(f"utility.target: {name} needs {error.name!r}, which is not installed; install it.") from None
    except SyntaxError as error:
        raise ConfigError(
            f"utility.target: {error.filename}, line {error.lineno}: {error.msg}; mend the file."
        ) from None
    except Exception as error:
        raise ConfigError(f"utility.target: importing {name} failed ({type(error).__name__}: {error}).") from error


def _from_file(name: str, path: Path) -> ModuleType:
    """The file's module, whatever else is called so."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"utility.target: {path} cannot be imported; check the file.")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses look their module up while it is made
    try:
        spec.loader.exec_module(module)
    finally:
        if before is not None:
            sys.modules[name] = before
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _fingerprint(module: ModuleType) -> str | None:
    """SHA-256 of the module's file."""
    file = getattr(module, "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None

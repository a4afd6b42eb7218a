"""A utility of one's own: a class, an object, or a plain function in a Python file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import math
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from modelswarms.errors import ConfigError, EvaluationError, ModelswarmsError
from modelswarms.naming import kind_of, nearest
from modelswarms.settings import required
from modelswarms.types import Example, Model, Score, Utility

__all__ = ["FunctionUtility", "OwnFunction", "OwnUtility", "load_target"]

_MEMBERS = ("name", "range", "prompt", "aggregate")


@dataclass(frozen=True)
class OwnFunction:
    """A function or class of your own, in a Python file.

    Attributes:
        target: ``module:attribute``; the module is a file beside the configuration, or installed.
    """

    target: str = required("module:attribute")

    needs: ClassVar[tuple[str, ...]] = ("your Python file",)

    def made(self, folder: Path, load: object) -> Utility:
        """What the target is. Raises ConfigError as :func:`load_target`."""
        return load_target(self.target, folder)


@dataclass(frozen=True)
class FunctionUtility:
    """Scores by calling ``function(examples, model)``, which gives one float or Score an example."""

    function: Callable[[Sequence[Example], Model], Iterable[float | Score]]
    name: str
    fingerprint: str | None = None
    range: tuple[float, float] | None = None

    def prompt(self, example: Example) -> str:
        """The question, by whose length examples are sorted."""
        return example.question

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """What the function gives, as scores. Raises EvaluationError where that is something else."""
        with _told(self.name):
            return _scores(self.function(examples, model), examples, self.name)

    def aggregate(self, scores: Sequence[float]) -> float:
        """Their mean."""
        return math.fsum(scores) / len(scores)


@dataclass(frozen=True)
class OwnUtility:
    """A utility object from the user's file, with what it gives checked and its file fingerprinted."""

    utility: Utility
    fingerprint: str | None = None

    @property
    def name(self) -> str:
        """What the object is called."""
        return self.utility.name

    @property
    def range(self) -> tuple[float, float] | None:
        """The object's range."""
        return self.utility.range

    @property
    def data(self) -> Any:
        """The data file that the object brings; None where it brings none."""
        return getattr(self.utility, "data", None)

    def prompt(self, example: Example) -> str:
        """The object's prompt."""
        return self.utility.prompt(example)

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """What the object gives, as scores. Raises EvaluationError where that is something else."""
        with _told(self.name):
            return _scores(self.utility.score(examples, model), examples, self.name)

    def aggregate(self, scores: Sequence[float]) -> float:
        """The object's aggregate."""
        return self.utility.aggregate(scores)


def load_target(target: str, folder: Path) -> Utility:
    """The utility that ``module:attribute`` names, from a file in ``folder`` or an installed module.

    A class is instantiated without arguments; a function becomes a :class:`FunctionUtility`.

    Raises:
        ConfigError: there is no such module or attribute, it cannot be imported, or it is no utility.
    """
    name, colon, attribute = target.partition(":")
    if not colon or not name or not attribute:
        raise ConfigError(f"utility.target: {target!r} is not allowed; write module:attribute.")
    module = _module(name, folder.resolve())
    if not hasattr(module, attribute):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise ConfigError(f"utility.target: {name} has no {attribute!r}; {nearest(attribute, public)}")
    found = getattr(module, attribute)
    if inspect.isclass(found):
        found = _made(found, target)
    if callable(getattr(found, "score", None)):
        _check_members(found, target)
        own = getattr(found, "fingerprint", None)
        return OwnUtility(found, own if isinstance(own, str) else _fingerprint(module))
    if callable(found):
        return FunctionUtility(found, target, _fingerprint(module))
    raise ConfigError(f"utility.target: {target} is {kind_of(found)}; give a function or a utility class.")


def _made(cls: type, target: str) -> Any:
    try:
        inspect.signature(cls).bind()
    except TypeError as error:
        raise ConfigError(
            f"utility.target: {target} cannot be made without arguments ({error}); give them defaults."
        ) from None
    except ValueError:
        pass  # a class without a signature that Python can tell
    try:
        return cls()
    except Exception as error:
        raise ConfigError(
            f"utility.target: making {target} failed ({type(error).__name__}: {error}); mend it."
        ) from error


def _check_members(found: Any, target: str) -> None:
    missing = [key for key in _MEMBERS if not hasattr(found, key)]
    if missing:
        raise ConfigError(f"utility.target: {target} lacks {', '.join(missing)}; add what docs/utilities.md asks for.")
    if not isinstance(found.name, str) or not found.name:
        raise ConfigError(f"utility.target: {target}.name is {found.name!r}; give a text.")
    if found.range is None:
        return
    try:
        low, high = map(float, found.range)
        fits = math.isfinite(low) and math.isfinite(high) and low < high
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ConfigError(
            f"utility.target: {target}.range is {found.range!r}; give two finite numbers, the lower first, or None."
        )


def _scores(given: Any, examples: Sequence[Example], name: str) -> list[Score]:
    """One score an example out of whatever a user's code gave."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise EvaluationError(f"utility {name} gave {given!r}; give a list with one score an example.")
    values = list(given)
    if len(values) != len(examples):
        raise EvaluationError(f"utility {name} gave {len(values)} scores for {len(examples)} examples.")
    return [_score(value, example, name) for value, example in zip(values, examples, strict=True)]


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Says where in a user's code an error of its own came up."""
    try:
        yield
    except ModelswarmsError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)[1:]
        where = f" at {frames[-1].filename}, line {frames[-1].lineno}" if frames else ""
        raise EvaluationError(f"utility {name} failed{where} ({type(error).__name__}: {error})") from error


def _score(value: Any, example: Example, name: str) -> Score:
    number = value.value if isinstance(value, Score) else value
    try:
        number = math.nan if isinstance(number, str) else float(number)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise EvaluationError(
            f"utility {name} gave {value!r} for example {example.id}; give a finite number or a Score."
        )
    return replace(value, value=number) if isinstance(value, Score) else Score(number)


def _module(name: str, folder: Path) -> ModuleType:
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    try:
        with _importable(folder):
            return _from_file(name, path) if path.is_file() else importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in (name, name.split(".")[0]):
            raise ConfigError(
                f"utility.target: {name} needs {error.name!r}, which is not installed; install it."
            ) from None
        close = get_close_matches(name, [file.stem for file in folder.glob("*.py")], n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "check the name."
        raise ConfigError(f"utility.target: no module {name!r} in {folder} nor installed; {remedy}") from None
    except SyntaxError as error:
        raise ConfigError(
            f"utility.target: {error.filename}, line {error.lineno}: {error.msg}; mend the file."
        ) from None
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"utility.target: importing {name} failed at {_place(error, folder)} ({type(error).__name__}: {error}); "
            "mend the file."
        ) from error


def _place(error: BaseException, folder: Path) -> str:
    """The last line of the user's own that an error passed."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)] or frames
    return f"{own[-1].filename}, line {own[-1].lineno}"


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
    except BaseException:
        sys.modules.pop(name, None)  # half a module is none
        raise
    finally:
        if before is not None:
            sys.modules[name] = before
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    importlib.invalidate_caches()  # a file written a moment ago is seen
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def _fingerprint(module: ModuleType) -> str | None:
    """SHA-256 of the module's file."""
    file = getattr(module, "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None

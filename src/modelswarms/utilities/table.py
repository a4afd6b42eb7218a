"""The utilities by kind and by name; a new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from modelswarms.datasets import DataSet, data_folder, read_dataset
from modelswarms.datasets.source import source_of
from modelswarms.errors import ConfigError, DataError
from modelswarms.naming import nearest
from modelswarms.settings import build, key_names
from modelswarms.types import Utility
from modelswarms.utilities.abilities import Particular, Sourced, abilities_of
from modelswarms.utilities.exact_match import ExactMatch
from modelswarms.utilities.function import OwnFunction
from modelswarms.utilities.multi_task import MultiTask
from modelswarms.utilities.multiple_choice import MultipleChoice
from modelswarms.utilities.named import NAMED
from modelswarms.utilities.perplexity import Perplexity
from modelswarms.utilities.reward import RewardModel
from modelswarms.utilities.toxicity import Toxicity

__all__ = ["KINDS", "PLACES", "RESERVED", "Maker", "load_utility", "models_of"]

Keys = Mapping[str, Any]

KINDS: Final[Mapping[str, type]] = {
    "exact_match": ExactMatch,
    "function": OwnFunction,
    "multi_task": MultiTask,
    "multiple_choice": MultipleChoice,
    "perplexity": Perplexity,
    "reward_model": RewardModel,
    "toxicity": Toxicity,
}
"""By kind, a frozen dataclass whose fields are the kind's keys: a utility, or one that makes it (:class:`Maker`)."""

RESERVED: Final = ("kind", "data", "folder")
"""Keys of every utility, which its dataclass does not have."""

PLACES: Final = ("few_shot",)
"""Keys of a kind that name files; relative ones are seen from the configuration's folder."""

Load = Callable[[str | Keys], tuple[Utility, DataSet]]


@runtime_checkable
class Maker(Protocol):
    """Keys of a utility that is made from them and from what is in the configuration's folder."""

    def made(self, folder: Path, load: Load) -> Utility:
        """The utility; ``load`` gives other utilities, with their data, by what a configuration calls them."""
        ...


def load_utility(spec: str | Keys, folder: Path) -> tuple[Utility, DataSet]:
    """The utility that a configuration names, and its data.

    Args:
        spec: a name, a kind, ``module:attribute``, or ``{kind, data, ...}``, where the kind may be a name.
        folder: where relative files and modules are looked for.

    Raises:
        ConfigError: the name, kind or a key is unknown, or a value is not allowed.
        DataError: the data cannot be read, or lacks what the utility needs.
    """
    spec = _as_keys(spec)
    word = _checked(spec)
    named = NAMED.get(word)
    kind = named.kind if named else word
    folder = Path(spec.get("folder") or folder)
    given = {**(named.keys if named else {}), **{k: v for k, v in spec.items() if k not in RESERVED}}
    for key in PLACES:
        if isinstance(given.get(key), str | Path):
            given[key] = str(folder / Path(given[key]).expanduser())
    for key in models_of(kind):
        if isinstance(given.get(key), str) and given[key] and (folder / Path(given[key]).expanduser()).is_dir():
            given[key] = str(folder / Path(given[key]).expanduser())
    known = [*RESERVED[:2], *key_names(KINDS[kind])]
    made: Any = build(KINDS[kind], given, "utility.", lambda key: nearest(key, known))
    utility: Utility = made.made(folder, lambda part: load_utility(part, folder)) if isinstance(made, Maker) else made
    if named:
        utility = replace(utility, name=word)  # type: ignore[type-var]
    data, where = _data(spec.get("data"), word, utility, folder)
    able = abilities_of(utility)
    data = _with_icl_prompt(data)
    problem = able.unsuited(data) if isinstance(able, Particular) else None
    if problem:
        raise DataError(f"{where}: {problem}")
    return utility, data


def _with_icl_prompt(data: DataSet) -> DataSet:
    """Examples that know the data set's own prompt, so that ``{icl_prompt}`` can stand in a template."""
    if data.icl_prompt is None:
        return data
    dev, test = (
        tuple(replace(e, extra={"icl_prompt": data.icl_prompt, **e.extra}) for e in split)
        for split in (data.dev, data.test)
    )
    return replace(data, dev=dev, test=test)


def models_of(word: Any) -> tuple[str, ...]:
    """Keys of a kind, or of a name's kind, that name models: folders, or ids on the hub."""
    named = NAMED.get(word) if isinstance(word, str) else None
    kind = KINDS.get(named.kind if named else word) if isinstance(word, str) else None
    return tuple(getattr(kind, "models", ()))


def _as_keys(spec: str | Keys) -> Keys:
    if not isinstance(spec, str):
        target = spec.get("kind")
        own = isinstance(target, str) and ":" in target
        return {**spec, "kind": "function", "target": target} if own else spec
    if spec in NAMED or spec in KINDS:
        return {"kind": spec}
    if ":" in spec:
        return {"kind": "function", "target": spec}
    known = (*NAMED, *KINDS)
    raise ConfigError(f"utility: unknown name {spec!r}; {nearest(spec, known)} Or write {{kind: ..., data: ...}}.")


def _checked(spec: Keys) -> str:
    """The kind or name that keys give."""
    if "kind" not in spec:
        raise ConfigError(f"utility.kind: not given; write one of {', '.join(KINDS)}, or a name.")
    word = str(spec["kind"])
    if word not in KINDS and word not in NAMED:
        raise ConfigError(f"utility.kind: unknown kind {word!r}; {nearest(word, (*KINDS, *NAMED))}")
    return word


def _data(given: Any, word: str, utility: Utility, folder: Path) -> tuple[DataSet, str]:
    """The data that a utility is about, and what messages call it."""
    given = given or getattr(utility, "data", None)
    able = abilities_of(utility)
    if isinstance(able, Sourced):
        if given is not None:
            raise ConfigError(f"utility.data: {word} brings its own examples; leave it out.")
        data = able.dataset()
        return data, data.name
    if given is None and word in NAMED:
        named = NAMED[word].data or word
        path = Path(named) if Path(named).is_absolute() else data_folder() / f"{named}.json"
        if not path.exists():
            raise DataError(
                f"utility {word}: its data, {path}, is not there; get it with 'modelswarms data download {named}', "
                "or give a file of your own as utility.data."
            )
        given = path
    if not isinstance(given, str | Path | Mapping):
        raise ConfigError("utility.data: no data file is given; write utility: {kind: ..., data: my.json}.")
    return read_dataset(given, folder), source_of(given, folder).label

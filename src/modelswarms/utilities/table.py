"""The utilities by kind and by name; a new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from modelswarms.datasets import DataSet, data_folder, guarded, read_dataset
from modelswarms.datasets.source import source_of
from modelswarms.errors import ConfigError, DataError
from modelswarms.naming import nearest
from modelswarms.remote import refuse_secrets
from modelswarms.settings import build, key_names
from modelswarms.types import Utility
from modelswarms.utilities.abilities import Demanding, Particular, Sourced, abilities_of
from modelswarms.utilities.abstention import Abstention
from modelswarms.utilities.exact_match import ExactMatch
from modelswarms.utilities.function import OwnFunction
from modelswarms.utilities.harness import LmEval
from modelswarms.utilities.judge import Judge
from modelswarms.utilities.multi_task import MultiTask
from modelswarms.utilities.multiple_choice import MultipleChoice
from modelswarms.utilities.named import NAMED, Named
from modelswarms.utilities.perplexity import Perplexity
from modelswarms.utilities.reward import RewardModel
from modelswarms.utilities.toxicity import Toxicity

__all__ = ["KINDS", "PLACES", "RESERVED", "Maker", "load_examples", "load_utility", "models_of"]

Keys = Mapping[str, Any]

KINDS: Final[Mapping[str, type]] = {
    "abstention": Abstention,
    "exact_match": ExactMatch,
    "function": OwnFunction,
    "lm_eval": LmEval,
    "judge": Judge,
    "multi_task": MultiTask,
    "multiple_choice": MultipleChoice,
    "perplexity": Perplexity,
    "reward_model": RewardModel,
    "toxicity": Toxicity,
}
"""By kind, a frozen dataclass whose fields are the kind's keys: a utility, or one that makes it (:class:`Maker`)."""

RESERVED: Final = ("kind", "data", "keep_overlap", "folder")
"""Keys of every utility, which its dataclass does not have."""

PLACES: Final = ("few_shot", "include_path")
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
    called = _Called.by(spec, folder)
    utility, data = _loaded(called)
    data, able = guarded(data, called.keeps_overlap), abilities_of(utility)
    reason = able.untested(data) if isinstance(able, Demanding) else None
    return utility, replace(data, test_reason=data.test_reason or reason)


def load_examples(spec: str | Keys, folder: Path) -> DataSet | None:
    """A utility's examples without the utility: none of the user's code is run, and no server or model is asked for.

    None where only the utility itself knows them. Arguments and Raises as :func:`load_utility`.
    """
    called = _Called.by(spec, folder)
    data = _examples(called)[1]
    return None if data is None else guarded(data, called.keeps_overlap)


def _loaded(called: _Called) -> tuple[Utility, DataSet]:
    """The utility with all of its data, test examples that are dev examples too included."""
    made: Any = called.built()
    utility: Utility = made.made(called.folder, lambda p: _loaded(called.part(p))) if isinstance(made, Maker) else made
    if called.named:
        utility = replace(utility, name=called.word)  # type: ignore[type-var]
    data, where = _data(called, utility)
    data, able = _with_icl_prompt(data), abilities_of(utility)
    problem = able.unsuited(data) if isinstance(able, Particular) else None
    if problem:
        raise DataError(f"{where}: {problem}")
    return utility, data


def _examples(called: _Called) -> tuple[str | None, DataSet | None]:
    """The utility's name and all of its examples, None for what cannot be told without it."""
    name = called.word if called.named or called.kind != "function" else None
    if issubclass(KINDS[called.kind], MultiTask):
        return name, called.built().examples(lambda part: _examples(called.part(part)))
    source = called.source
    return name, None if source is None else _with_icl_prompt(read_dataset(source, called.folder))


@dataclass(frozen=True)
class _Called:
    """What a configuration calls a utility, looked up."""

    word: str
    named: Named | None
    kind: str
    keys: Keys
    spec: Keys
    folder: Path

    @classmethod
    def by(cls, spec: str | Keys, folder: Path) -> _Called:
        spec = _as_keys(spec)
        refuse_secrets(spec)
        word = _checked(spec)
        named = NAMED.get(word)
        folder = Path(spec.get("folder") or folder)
        keys = {**(named.keys if named else {}), **{k: v for k, v in spec.items() if k not in RESERVED}}
        for key in PLACES:
            if isinstance(keys.get(key), str | Path):
                keys[key] = str(folder / Path(keys[key]).expanduser())
        for key in models_of(word):
            if isinstance(keys.get(key), str) and keys[key] and (folder / Path(keys[key]).expanduser()).is_dir():
                keys[key] = str(folder / Path(keys[key]).expanduser())
        return cls(word, named, named.kind if named else word, keys, spec, folder)

    def part(self, spec: str | Keys) -> _Called:
        """One of its parts."""
        called = _Called.by(spec, self.folder)
        if "keep_overlap" in called.spec:
            raise ConfigError("utility.keep_overlap: is for all parts together; give it beside utility.parts.")
        return called

    @property
    def keeps_overlap(self) -> bool:
        """Whether test examples that are dev examples too are valued."""
        keep = self.spec.get("keep_overlap", False)
        if not isinstance(keep, bool):
            raise ConfigError(f"utility.keep_overlap: {keep!r} is not allowed; give true or false.")
        return keep

    @property
    def source(self) -> Any:
        """Where the examples are; None where neither the configuration nor the name says it."""
        given = self.spec.get("data")
        if given or self.named is None:
            return given
        data = self.named.data or self.word
        path = Path(data) if Path(data).is_absolute() else data_folder() / f"{data}.json"
        if not path.exists():
            raise DataError(
                f"utility {self.word}: its data, {path}, is not there; get it with 'modelswarms data download {data}', "
                "or give a file of your own as utility.data."
            )
        return path

    def built(self) -> Any:
        """The kind's dataclass, from the keys."""
        known = ["kind", "data", *key_names(KINDS[self.kind])]
        return build(KINDS[self.kind], self.keys, "utility.", lambda key: nearest(key, known))


def _data(called: _Called, utility: Utility) -> tuple[DataSet, str]:
    """The data that a utility is about, and what messages call it."""
    able = abilities_of(utility)
    given = called.spec.get("data") or getattr(utility, "data", None)
    if isinstance(able, Sourced):
        if given is not None:
            raise ConfigError(f"utility.data: {called.word} brings its own examples; leave it out.")
        data = able.dataset()
        return data, data.name
    given = given or called.source
    if not isinstance(given, str | Path | Mapping):
        raise ConfigError("utility.data: no data file is given; write utility: {kind: ..., data: my.json}.")
    return read_dataset(given, called.folder), source_of(given, called.folder).label


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

"""One run a method, each in a folder of its own, and the table of them all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelswarms.baselines import (
    GIVEN,
    METHODS,
    OUTPUTS,
    RECIPE,
    SWARM,
    budget_of,
    freedom_of,
    make_searcher,
    merging_of,
    settled,
    title_of,
    within,
)
from modelswarms.baselines.clusters import check_packages
from modelswarms.baselines.merges.recipe_file import read_recipe
from modelswarms.comparison.outputs import COMBINED, about, run_outputs
from modelswarms.config import SearchConfig, settings_from
from modelswarms.errors import ConfigError, RunError
from modelswarms.naming import nearest
from modelswarms.preparation import Prepared, check_unchanged, current_header, header_of, prepare
from modelswarms.records import MEASURED
from modelswarms.reports.compared import NAME, markdown, table_of
from modelswarms.reports.html import write_report
from modelswarms.runs import RunFolder
from modelswarms.runs.atomic import replace_file, replace_json
from modelswarms.search import search_started
from modelswarms.swarm import SwarmConfig
from modelswarms.watching import Watcher

if TYPE_CHECKING:
    from modelswarms.engines.base import Engine

__all__ = ["ALL", "Comparison", "compare"]

ALL = "all"
SINGLE = "best_single"

Record = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        folder: holds a run's folder for each method, ``comparison.json`` and ``comparison.md``.
        table: what ``comparison.json`` holds: ``rows``, ``evaluations``, ``freedom`` and what they mean.
    """

    folder: Path
    table: Mapping[str, Any]

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """A row a method, the best on test first."""
        return list(self.table["rows"])

    @property
    def markdown(self) -> str:
        """The table as Markdown."""
        return markdown(self.table)


def compare(
    config: SearchConfig | Mapping[str, Any] | str | Path | None = None,
    methods: str | Sequence[str] = ALL,
    *,
    out: str | Path = "runs/compare",
    evaluations: int | None = None,
    recipes: Sequence[str | Path] = (),
    data_merge: str | Path | None = None,
    watch: Watcher | None = None,
    say: Callable[[str], None] = lambda line: None,
    engine: Engine | None = None,
    **keys: Any,
) -> Comparison:
    """Every method as a search of its own, with what the swarm had: experts, examples, evaluations, freedom.

    The swarm comes first, and the others get as many dev evaluations as it made. The experts alone are valued once for
    all. Called again with the same folder it goes on: what is done is not done again.

    Args:
        config: a configuration, nested keys and values, or the path of a YAML file; ``searcher`` and ``run_dir`` in it
            are without effect.
        methods: names that ``searcher`` may have, or ``all``.
        out: the folder.
        evaluations: dev evaluations of each method at most; by default what the swarm's keys allow.
        recipes: files of mergekit over these experts, each one more method.
        data_merge: the folder of an adapter that was trained on the union of the experts' data, as one more.
        watch: is told of every step of every run.
        say: is told in a line what is done and what was done before.
        engine: an engine of your own.
        **keys: the configuration's keys, laid over ``config``.

    Raises:
        WrongInputError: something given cannot be used; no run was started.
        SearchFailedError: a method cannot go on; mend the cause and call it again.

    Example:
        >>> found = compare("my.yaml", ["swarm", "cmaes"], evaluations=200)  # doctest: +SKIP
        >>> print(found.markdown)  # doctest: +SKIP
    """
    given = _given(recipes, data_merge)
    wanted, folder = [*_wanted(methods), *given], Path(out)
    prepared = prepare(_common(settings_from(config, keys)), engine)
    with closing(prepared.engine):
        swarm = prepared.config.swarm
        if evaluations is not None and SWARM in wanted:
            swarm = within(swarm, prepared.space.n, evaluations)
        budget = budget_of(swarm, prepared.space.n) if evaluations is None else evaluations
        work = _Work(prepared, folder, watch, say)
        _check(wanted, prepared, swarm, lambda name: _searcher(name, budget, given))
        settings = replace(prepared.config, swarm=swarm)
        for name in wanted:
            if name in OUTPUTS:
                work.combine(settings, name)
            else:
                work.do(replace(settings, searcher=_searcher(name, budget, given)), name)
            budget = work.evaluations_of(SWARM) if name == SWARM else budget
            table = _write(folder, table_of(work.results, work.done, budget, freedom_of(swarm), work.spent()))
    for name in (name for name in wanted if name not in OUTPUTS):  # now that the table is whole
        write_report(folder / name)
    return Comparison(folder, table)


def _check(
    wanted: Sequence[str], prepared: Prepared, swarm: SwarmConfig, searcher: Callable[[str], str | Mapping[str, Any]]
) -> None:
    """What is wrong with a method is found out before the first run. Raises WrongInputError."""
    if "cbtm" in wanted:
        check_packages()
    for name in wanted:
        if name not in OUTPUTS:
            make_searcher(searcher(name), swarm, prepared.space.n)
            merging = merging_of(searcher(name))
            if merging is not None:
                merging.check_experts(prepared.space)


def _wanted(methods: str | Sequence[str]) -> list[str]:
    """The methods in the order of their runs: the experts alone, the swarm, then the others."""
    names = [name.strip() for name in methods.split(",")] if isinstance(methods, str) else list(methods)
    known = [SINGLE, SWARM, *(name for name in METHODS if name not in (SINGLE, *GIVEN)), *OUTPUTS]
    if names == [ALL]:
        return known
    for name in names:
        if name in GIVEN:
            raise ConfigError(f"methods: {name} has to be given something; write {GIVEN[name]} instead.")
        if name not in known:
            raise ConfigError(f"methods: unknown method {name!r}; {nearest(name, [ALL, *known])}")
    return [name for name in known if name in names or name == SINGLE]


def _given(files: Sequence[str | Path], data_merge: str | Path | None) -> dict[str, dict[str, Any]]:
    """The searcher that each file and folder stands for, by its name. Raises ConfigError where two have one name."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        name = f"{RECIPE}-{Path(file).stem}"
        if name in found:
            raise ConfigError(f"recipe: {file}: another is called {Path(file).stem} too; give a file of another name.")
        found[name] = {"kind": RECIPE, "recipe": read_recipe(file)}
    if data_merge is not None:
        found["data_merge"] = {"kind": "data_merge", "adapter": str(Path(data_merge).expanduser().resolve())}
    return found


def _searcher(name: str, evaluations: int, given: Mapping[str, Any]) -> str | Mapping[str, Any]:
    if name in given:
        return settled({**given[name], "evaluations": evaluations})
    return SWARM if name == SWARM else {"kind": name, "evaluations": evaluations}


def _common(config: SearchConfig) -> SearchConfig:
    """What all methods have alike: a search and its test figures, and nothing beside it."""
    return replace(config, searcher=SWARM, random_search=False, ensemble=0, rescore=False, run_dir=None)


class _Work:
    """Does what is not done, with one engine that is started when it is first needed."""

    def __init__(self, prepared: Prepared, folder: Path, watch: Watcher | None, say: Callable[[str], None]) -> None:
        self._prepared, self._folder, self._watch, self._say = prepared, folder, watch, say
        self._ready = self._with_merges = False
        self.results: dict[str, Record] = {}
        self.done: dict[str, list[Record]] = {}

    def do(self, config: SearchConfig, name: str) -> None:
        """Has a method's run complete in its folder."""
        path, prepared = self._folder / name, replace(self._prepared, config=config)
        result = self._finished(path, header_of(prepared))
        before = result is not None
        if result is None:
            self._make_ready()
            self._with_merges = merging_of(config.searcher) is not None
            result = dict(search_started(prepared, path, self._watch, self._shared()).details)
        self._note(name, result, before)

    def combine(self, config: SearchConfig, name: str) -> None:
        """The same for a method that combines answers."""
        path, prepared = self._folder / name, replace(self._prepared, config=config)
        result = self._finished(path, about(name, prepared))
        before = result is not None
        if result is None:
            self._make_ready()
            result = run_outputs(name, prepared, path, self._watch, self._shared(tuple(OUTPUTS)))
        self._note(name, result, before)

    def _note(self, name: str, result: Record, before: bool) -> None:
        """Keeps a method's result, and says it."""
        self.results[name], self.done[name] = result, RunFolder(self._folder / name).journal.read()
        figures = [
            f"{split} {result['best'][split]:.3f}" for split in ("dev", "test") if result["best"][split] is not None
        ]
        said = ", ".join(
            [f"{result['evaluations']} evaluations", *(figures or [f"no figures: {result.get('reason')}"])]
        )
        self._say(f"{title_of(name)}: {'done before' if before else 'done'}, {said}")

    def evaluations_of(self, name: str) -> int:
        """Dev evaluations of a method that is done."""
        return sum(r["kind"] == "evaluation" and r["split"] == "dev" for r in self.done[name])

    def spent(self) -> dict[str, dict[str, float]]:
        """Seconds and tokens of each search, those of the experts alone included, as if it had been the only one."""
        stages = {name: RunFolder(self._folder / name).read_timing() for name in self.done}
        totals = {name: _cost(found) for name, found in stages.items()}
        common = totals.get(SINGLE, {})
        return {
            name: cost if name == SINGLE else {key: cost[key] + common.get(key, 0.0) for key in cost}
            for name, cost in totals.items()
        }

    def _make_ready(self) -> None:
        """Has the engine hold the experts and nothing else, as every method begins."""
        engine, space = self._prepared.engine, self._prepared.space
        if not self._ready:
            engine.start(space)
            self._prepared.make_ready()
            self._ready = True
        elif self._with_merges:
            engine.close()
            engine.start(space)
            self._with_merges = False

    def _finished(self, path: Path, header: Record) -> Record | None:
        """The result of a run that is done and is the one that is meant; None where there is still something to do.

        Raises:
            RunError: the folder holds another run.
        """
        if not (path / "result.json").exists():
            if not (path / "run.yaml").exists():
                RunFolder.check_free(path)
            return None
        records = RunFolder(path).journal.read()
        then = current_header(records)
        now = {**header, "engine": then["engine"], "versions": then["versions"]}
        if check_unchanged(records, now, path) is not None:
            return None
        try:
            return dict(json.loads((path / "result.json").read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            file = path / "result.json"
            raise RunError(f"{file}: cannot be read ({error}); remove it, and it is made anew.") from None

    def _shared(self, others: Sequence[str] = ()) -> list[tuple[Path, Record]]:
        """The experts alone and what was measured on them, from the first method: they are the same for all.

        Args:
            others: methods whose evaluations of experts are told as well.
        """
        records = self.done.get(SINGLE, [])
        kept = [r for r in records if r["kind"] == "constants" and r["name"] in MEASURED]
        found = [(self._folder / SINGLE, record) for record in kept]
        for name in (SINGLE, *others):
            evaluated = (r for r in self.done.get(name, []) if r["kind"] == "evaluation" and r["candidate"] != COMBINED)
            found += [(self._folder / name, record) for record in evaluated]
        return found


def _cost(stages: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """What measuring constants and searching took; not the test, which is everybody's."""
    counted = [stages.get(stage, {}) for stage in ("calibration", "search")]
    return {
        "seconds": sum(amounts.get("seconds", 0.0) for amounts in counted),
        "tokens": sum(amounts.get("prompt_tokens", 0.0) + amounts.get("new_tokens", 0.0) for amounts in counted),
    }


def _write(folder: Path, table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table as it stands, for programs and for people; as a program reads it."""
    replace_json(folder / NAME, table)
    replace_file(folder / "comparison.md", (markdown(table) + "\n").encode())
    return dict(json.loads((folder / NAME).read_text(encoding="utf-8")))

"""A search from configuration to result; `_value_all` is the only loop."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modelswarms.baselines import MethodSearcher, RandomSearch, freedom_of, make_searcher
from modelswarms.config import SearchConfig, load_config, settings_from
from modelswarms.errors import RunError, SearchFailedError
from modelswarms.evaluator import Evaluator
from modelswarms.flight import Others
from modelswarms.merging import with_its_merges
from modelswarms.preparation import Prepared, check_unchanged, current_header, header_of, prepare
from modelswarms.records import MEASURED
from modelswarms.reports.card import model_card
from modelswarms.reports.ensembles import members, unfit
from modelswarms.reports.result import RunResult, build_result
from modelswarms.rescoring import rescore
from modelswarms.runs import RunFolder
from modelswarms.runs.atomic import replace_file
from modelswarms.scoring import StageTimes
from modelswarms.swarm import AsynchronousSwarm
from modelswarms.tracking import make_trackers, tracked
from modelswarms.types import Candidate, Evaluation, RunSearcher, Searcher
from modelswarms.utilities.abilities import opened
from modelswarms.watching import Silent, Watcher

if TYPE_CHECKING:
    from modelswarms.engines.base import Engine

__all__ = ["resume", "search", "search_started"]

log = logging.getLogger(__name__)

Record = dict[str, Any]

TIMED_EVERY = 20
"""Evaluations after which ``timing.json`` is written, where a batch has more."""


def search(
    config: SearchConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    watch: Watcher | None = None,
    engine: Engine | Mapping[str, Any] | None = None,
    **keys: Any,
) -> RunResult:
    """Searches the experts' combined weights for the best utility on the dev split.

    Args:
        config: a configuration, nested keys and values, or the path of a YAML file.
        watch: is told of every step (progress, trackers); it cannot change the run.
        engine: the configuration's ``engine`` keys, or an engine of your own.
        **keys: the configuration's keys, laid over ``config``.

    Returns:
        What ``result.json`` holds, and the folder of the run.

    Raises:
        WrongInputError: something given cannot be used; no run was started.
        SearchFailedError: the run cannot go on; mend the cause and call :func:`resume`.

    Example:
        >>> result = search(experts="adapters/", base="base/", utility={"kind": "exact_match", "data": "my.json"})
        >>> result.best["coefficients"], result.best["test"], result.difference["ci"]  # doctest: +SKIP
    """
    if isinstance(engine, Mapping):
        keys, engine = {**keys, "engine": engine}, None
    settings = settings_from(config, keys)
    path = Path(settings.run_dir or "runs/search")
    RunFolder.check_free(path)
    trackers = make_trackers(settings.tracking)
    prepared = prepare(settings, engine)
    with closing(prepared.engine):
        header = header_of(prepared)
        prepared.engine.start(prepared.space)
        prepared.make_ready()
        with (
            RunFolder.create(path, prepared.manifest()) as run,
            tracked(trackers, run, _told(header), [], watch or Silent()) as watching,
            opened(prepared.utility, run.path),
        ):
            return _complete(prepared, run, [], [header], watching)


def resume(
    run_dir: str | Path,
    *,
    overrides: Mapping[str, str] | None = None,
    watch: Watcher | None = None,
    engine: Engine | None = None,
) -> RunResult:
    """Goes on with a run that was interrupted, failed, or is to have more iterations.

    Nothing that the journal holds is evaluated again. Raises as :func:`search`; also RunError where the
    folder is not a run's, is in use, or its experts, data or configuration changed since.
    """
    with RunFolder.open(Path(run_dir)) as run:
        settings = load_config(None, overrides, below=run.manifest()["config"])
        records = run.journal.read()
        if records and (records[0]["kind"], records[0].get("name")) != ("constants", "run"):
            raise RunError(f"{run.journal.path}: does not begin with the run's first line; restore it from a copy.")
        trackers = make_trackers(settings.tracking)
        prepared = prepare(settings, engine)
        with closing(prepared.engine):
            now = header_of(prepared)
            new = check_unchanged(records, now, run.path) if records else now  # it may have ended before its first line
            prepared.engine.start(prepared.space)
            prepared.make_ready()
            with (
                tracked(trackers, run, _told(now), records, watch or Silent()) as watching,
                opened(prepared.utility, run.path),
            ):
                return _complete(prepared, run, records, [new] if new else [], watching)


def search_started(
    prepared: Prepared,
    path: Path,
    watch: Watcher | None = None,
    shared: Sequence[tuple[Path, Record]] = (),
    *,
    others: Others | None = None,
    figures_only: bool = False,
) -> RunResult:
    """A run on an engine that is started and ready, begun or gone on with: for whoever makes several in a row.

    Args:
        prepared: the run's configuration among others; its engine stays open.
        path: the run's folder.
        shared: what other runs of the same experts, utility and data hold that need not be found out again:
            evaluations and constants, each with the folder of its run.
        others: runs that go on beside this one, and what they have evaluated.
        figures_only: neither the test nor anything that is made of the best: the journal and ``result.json`` alone.

    Raises:
        RunError: the folder holds another run.
        SearchFailedError: the run cannot go on.
    """
    begun = (path / "run.yaml").exists()
    trackers = make_trackers(prepared.config.tracking)
    with RunFolder.open(path) if begun else RunFolder.create(path, prepared.manifest()) as run:
        records, now = run.journal.read(), header_of(prepared)
        new = check_unchanged(records, now, path) if records else now
        known = {(r["name"], r.get("split")) for r in records if r["kind"] == "constants"}
        carried = [r for _, r in shared if r["kind"] == "constants" and (r["name"], r.get("split")) not in known]
        for folder, record in shared:
            if "responses" in record:
                run.write_responses(RunFolder(folder).read_responses(record["responses"]))
        elsewhere = [record for _, record in shared if record["kind"] == "evaluation"]
        with (
            tracked(trackers, run, _told(now), records, watch or Silent()) as watching,
            opened(prepared.utility, run.path),
        ):
            added = [*([new] if new else []), *carried]
            return _complete(prepared, run, records, added, watching, elsewhere, others, figures_only)


def _told(header: Record) -> Record:
    """What trackers are told of a run before its figures."""
    told = ("seed", "experts", "config", "utility", "engine", "versions")
    return {key: header[key] for key in told}


def _complete(
    prepared: Prepared,
    run: RunFolder,
    records: list[Record],
    new: Sequence[Record],
    watch: Watcher,
    elsewhere: Sequence[Record] = (),
    others: Others | None = None,
    figures_only: bool = False,
) -> RunResult:
    """From wherever the records end to the result; ``new`` ones are journalled first."""
    config, names = prepared.config, prepared.space.names
    times = StageTimes(run.read_timing())
    searcher = make_searcher(config.searcher, config.swarm, len(names), config.seed)

    def keep(candidate: Candidate, value: float) -> bool:
        """Full texts of the starting experts, of new bests and of the test split are kept."""
        if candidate.id.startswith("random-"):
            return False
        before = searcher.personal_best_value(candidate.particle)
        return candidate.iteration == 0 or before is None or value > before

    known = [*records, *(r for r in new if r["name"] in MEASURED)]
    evaluator = Evaluator(
        prepared.engine, prepared.utility, prepared.data, run, known, times, keep, elsewhere, others, prepared.races()
    )
    watch.started(prepared.describe(run.path), searcher)  # from here on a fault is one that can be resumed
    try:
        for record in new:
            run.journal.append(record)
        evaluator.calibrate(searcher.starting_candidates[: len(names)])
        evaluator.oppose(prepared.space, ("dev", "test") if _tests(prepared) else ("dev",))
        prepared = with_its_merges(prepared, searcher.starting_candidates[: len(names)], evaluator, run, records)
        asked = _value_all(searcher, evaluator, watch, "search")
        _note_end(searcher, run, records)
        best = searcher.best
        if best is None:
            raise SearchFailedError(f"no candidate has a value; see the failures in {run.path / 'journal.jsonl'}.")
        if figures_only:
            watch.finished(outcome := _written(run, build_result(run.journal.read())))
            return outcome
        finalists = [best, best_single(evaluator, searcher, len(names))]
        if config.random_search:
            randoms = RandomSearch(len(names), asked, config.seed, freedom=freedom_of(config.swarm))
            _value_all(randoms, evaluator, watch, "random_search")
            finalists += [randoms.best] if randoms.best else []
        if _tests(prepared):
            _test([*finalists, *_voters(run)], evaluator, watch)
        with times.measure("export"):
            prepared.space.compose(best.coefficients).save(run.path / "best", prepared.base_name)
        if config.rescore:
            rescore(replace(prepared, utility=evaluator.utility), run, best, times)
    finally:
        evaluator.write_times()
    result = build_result(records := run.journal.read())
    replace_file(run.path / "best" / "README.md", model_card(result, records, prepared.base_name).encode())
    outcome = _written(run, result)
    _report(run.path)
    watch.finished(outcome)
    return outcome


def _written(run: RunFolder, result: dict[str, Any]) -> RunResult:
    """What a run found, once ``result.json`` is there."""
    run.write_json("result.json", result)
    return RunResult.of(result, run.path)


def _note_end(searcher: RunSearcher, run: RunFolder, records: Sequence[Record]) -> None:
    """Journals where a method came to its end; a swarm's end can be told again from its values in no time."""
    if isinstance(searcher, MethodSearcher) and not any(r.get("name") == "searched" for r in records):
        answer = searcher.answer.id if searcher.answer else None
        ended = {"iterations": searcher.iteration, "stopped_by": searcher.stopped_by, "answer": answer}
        run.journal.append({"kind": "constants", "name": "searched", **ended})


def _voters(run: RunFolder) -> list[Candidate]:
    """Who votes in the ensembles, where answers can be voted on."""
    records = run.journal.read()
    header, found = current_header(records), []
    for when in ("start", "end"):
        chosen = members(records, header, when)
        found += chosen if chosen and unfit(chosen) is None else []
    return [Candidate(r["candidate"], r["particle"], r["iteration"], np.array(r["coefficients"])) for r in found]


def _tests(prepared: Prepared) -> bool:
    """Whether there is a test split that is to be touched."""
    return prepared.config.test == "best" and bool(prepared.data.test)


def _report(run: Path) -> None:
    """Writes ``report.html``; the run is done and its result written, whatever becomes of its report."""
    from modelswarms.reports.html import write_report

    try:
        write_report(run)
    except Exception as error:
        log.warning("%s: report.html could not be written (%s); try 'modelswarms report %s'.", run, error, run)


def _value_all(searcher: Searcher, evaluator: Evaluator, watch: Watcher, stage: str) -> int:
    """Ask, evaluate, journal, tell, until the searcher is done; gives the number of candidates asked."""
    asked, failure = 0, None
    while batch := _ask(searcher, failure):
        watch.asked(stage, batch)
        candidates = {c.id: c for c in batch}
        more = partial(_more, searcher, candidates, watch, stage)
        with closing(evaluator.evaluate(batch, "dev", stage, more)) as evaluations:
            for count, evaluation in enumerate(evaluations, start=1):  # durable before it counts
                searcher.tell(evaluation.candidate, evaluation)
                watch.evaluated(stage, candidates[evaluation.candidate], evaluation)
                failure = evaluation.failure or failure
                if count % TIMED_EVERY == 0:
                    evaluator.write_times()
        asked += len(candidates)
        evaluator.write_times()  # for whoever asks how long
    return asked


def _more(searcher: Searcher, candidates: dict[str, Candidate], watch: Watcher, stage: str) -> list[Candidate]:
    """What an asynchronous searcher asks for while a batch is evaluated; it is added to the candidates."""
    found = searcher.more() if isinstance(searcher, AsynchronousSwarm) else []
    if found:
        watch.asked(stage, found)
        candidates.update((candidate.id, candidate) for candidate in found)
    return found


def _ask(searcher: Searcher, failure: str | None) -> list[Candidate]:
    """The next batch; where there is none because every evaluation failed, the last failure is told as well."""
    try:
        return searcher.ask()
    except SearchFailedError as error:
        raise SearchFailedError(f"{error} It was: {failure}.") from error


def best_single(evaluator: Evaluator, searcher: RunSearcher, n_experts: int) -> Candidate:
    """The starting expert with the highest dev value; ties go to the earlier one."""
    valued = []
    for expert, candidate in enumerate(searcher.starting_candidates[:n_experts]):
        record = evaluator.known(candidate.id, "dev")
        if record is not None:
            valued.append((-record["value"], expert, candidate))
    if not valued:
        raise SearchFailedError("no starting expert could be evaluated; mend the cause and resume the run.")
    return min(valued, key=lambda v: v[:2])[2]


def _test(finalists: Iterable[Candidate], evaluator: Evaluator, watch: Watcher) -> None:
    """The test split is touched here only, and only for those whose figures are reported."""
    unique = list({c.id: c for c in finalists}.values())
    watch.asked("test", unique)
    for candidate in unique:
        for evaluation in evaluator.evaluate([candidate], "test", "test"):
            _valued_or_raise(evaluation)
            watch.evaluated("test", candidate, evaluation)


def _valued_or_raise(evaluation: Evaluation) -> None:
    if evaluation.failure is not None:  # without one, it may be that a part of several has no examples
        raise SearchFailedError(
            f"the {evaluation.split} evaluation of {evaluation.candidate} failed: {evaluation.failure.rstrip('.')}. "
            "Mend the cause and resume the run; all that was evaluated is kept."
        )

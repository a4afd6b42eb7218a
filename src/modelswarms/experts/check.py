"""Can these experts be combined? Every expert is looked at, and everything that is wrong is said."""

from __future__ import annotations

import hashlib
import math
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from modelswarms.errors import ExpertError
from modelswarms.experts.adapter import WEIGHTS, Adapter, adapter_of, examine_folder, read_tensors
from modelswarms.experts.base import base_shapes, check_base, fit_problems
from modelswarms.experts.find import Found, expand, find_base, passed_over
from modelswarms.experts.problems import Kind, Problem
from modelswarms.experts.tensors import CONFIG, FACTOR, tensor_problems
from modelswarms.experts.together import Combine, named_bases, together_problems

if TYPE_CHECKING:
    import torch

__all__ = ["Caution", "CheckReport", "Row", "check_experts"]

OUTLIER: Final = 10
"""How many times as large (or small) as the median a norm must be to be remarked upon."""

Verdict = Literal["ok", "broken", "unsupported", "differs"]


@dataclass(frozen=True)
class Row:
    """What is known of one expert; None for what cannot be read.

    Attributes:
        given: the folder or hub id that names it in a configuration.
        targets: how many matrices it changes.
        bytes: size of its weights.
        norm: Frobenius norm of all its changes, √Σ‖ΔW‖².
    """

    name: str
    given: str
    rank: int | None = None
    alpha: float | None = None
    targets: int | None = None
    base: str | None = None
    dtype: str | None = None
    bytes: int | None = None
    norm: float | None = None
    verdict: Verdict = "ok"


@dataclass(frozen=True)
class Caution:
    """What does not keep experts from being combined, but may not be meant."""

    experts: tuple[str, ...]
    field: str
    text: str


@dataclass(frozen=True)
class CheckReport:
    """All that a check found.

    Attributes:
        good: names of experts that can be combined with one another as they are.
    """

    combine: Combine
    base: str | None
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Caution, ...]
    good: tuple[str, ...]

    @property
    def can_be_combined(self) -> bool:
        """Whether a search would take all of them."""
        return bool(self.rows) and not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = asdict(self)
        for problem, item in zip(self.problems, plain["problems"], strict=True):
            item["text"] = str(problem)
        return {"can_be_combined": self.can_be_combined, **plain}


@dataclass(frozen=True)
class _Looked:
    """One expert as far as it can be read; the adapter holds shapes alone, so that many fit into memory."""

    row: Row
    problems: tuple[Problem, ...]
    adapter: Adapter | None = None
    digest: str | None = None


def check_experts(
    given: Sequence[str | Path], base: str | Path | None = None, combine: Combine = "delta"
) -> CheckReport:
    """Looks at every expert and says all that keeps them from being combined.

    A search refuses what has a problem here, and nothing else: both ask the same functions.

    Args:
        given: adapter folders, folders of adapter folders, or hub ids.
        base: folder or hub id of the base that they should fit; without it, they are compared with one another.
        combine: how they are meant to be combined; ``factors`` asks for more.
    """
    named, cautions = _distinct([entry for each in given for entry in _entries(each)])
    looked = [_look(found, error) for found, error in named]
    problems: list[Problem] = []
    if base is not None:
        fault, looked = _fitted(looked, base)
        problems += [fault] if fault else []
    problems += [problem for one in looked for problem in one.problems]
    readable = [one.adapter for one in looked if one.adapter is not None]
    sound = [one.adapter for one in looked if one.adapter is not None and not one.problems]
    problems += together_problems(readable, combine, sound)
    rows = tuple(_judged(one.row, problems) for one in looked)
    place = {row.name: k for k, row in enumerate(rows)}
    return CheckReport(
        combine,
        None if base is None else str(base),
        rows,
        tuple(sorted(problems, key=lambda problem: -1 if problem.expert is None else place[problem.expert])),
        (*_passed_over(given), *cautions, *_cautions(looked)),
        tuple(row.name for row in rows if row.verdict == "ok"),
    )


Entry = tuple[Found, ExpertError | None]
"""An expert that was found, or what was given and why nothing was found there."""


def _entries(given: str | Path) -> list[Entry]:
    try:
        return [(found, None) for found in expand(given)]
    except ExpertError as error:
        return [(Found(os.path.basename(str(given).rstrip("/")) or str(given), Path(given), str(given)), error)]


def _distinct(entries: Sequence[Entry]) -> tuple[list[Entry], list[Caution]]:
    """The entries under names that tell them apart, and which did not."""
    names = [found.name for found, _ in entries]
    used: set[str] = set()
    out = []
    for found, error in entries:
        name = found.name
        if names.count(name) > 1:
            name = f"{Path(os.path.abspath(found.folder)).parent.name}-{found.name}".lstrip("-")
        distinct = next(n for n in (name, *(f"{name}-{k}" for k in range(2, len(entries) + 2))) if n not in used)
        used.add(distinct)
        out.append((replace(found, name=distinct), error))
    cautions = []
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        new = [one for (one, _), (old, _) in zip(out, entries, strict=True) if old.name == name]
        places = ", ".join(f"{one.name} is {one.given}" for one in new)
        text = f"{len(new)} are called {name!r}, which a list of folders may not hold; told apart here: {places}."
        cautions.append(Caution(tuple(one.name for one in new), "name", text))
    return out, cautions


def _look(found: Found, error: ExpertError | None) -> _Looked:
    """Reads one expert, its values no longer than is needed to measure them."""
    name, row = found.name, Row(found.name, found.given)
    if error is not None:
        return _Looked(row, (_as_problem(name, "folder", error),))
    config, problems = examine_folder(name, found.folder)
    row = replace(row, **_told(config), bytes=_size(found.folder))
    if any(problem.field in ("folder", WEIGHTS) for problem in problems):
        return _Looked(row, tuple(problems))
    flat, unreadable = read_tensors(name, found.folder)
    if unreadable:
        return _Looked(row, (*problems, *unreadable))
    row = replace(row, **_stored(flat))
    of_tensors = tensor_problems(name, flat, config)
    if any(problem.kind == "unsupported" for problem in problems):  # strange tensors follow from the setting
        of_tensors = [problem for problem in of_tensors if problem.kind != "unsupported"]
    if problems or of_tensors:
        return _Looked(row, (*problems, *of_tensors))
    adapter = adapter_of(name, config, flat)
    return _Looked(replace(row, norm=_norm(adapter)), (), _without_values(adapter), _digest(adapter))


def _told(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration says of itself, as far as it is of use."""
    rank, alpha, base = config.get("r"), config.get("lora_alpha"), config.get("base_model_name_or_path")
    return {
        "rank": rank if isinstance(rank, int) and not isinstance(rank, bool) else None,
        "alpha": alpha if isinstance(alpha, int | float) and math.isfinite(alpha) else None,
        "base": base if isinstance(base, str) else None,
    }


def _stored(flat: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """What the tensors say, be they right or wrong."""
    dtypes = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in flat.values()})
    modules = {match["module"] for match in map(FACTOR.match, flat) if match}
    return {"dtype": "+".join(dtypes) or None, "targets": len(modules)}


def _size(folder: Path) -> int | None:
    try:
        return (folder / WEIGHTS).stat().st_size
    except OSError:
        return None


def _norm(adapter: Adapter) -> float:
    """√Σ‖s·B·A‖² without forming B·A: ‖BA‖² = ⟨BᵀB, AAᵀ⟩."""
    squares = 0.0
    for a, b in adapter.tensors.values():
        a, b = a.double(), b.double()
        squares += float(((b.T @ b) * (a @ a.T)).sum())
    return abs(adapter.scaling) * math.sqrt(max(squares, 0.0))


def _digest(adapter: Adapter) -> str:
    """SHA-256 of what the adapter changes, whatever its files hold besides."""
    digest = hashlib.sha256(f"{adapter.scaling!r}".encode())
    for module in sorted(adapter.tensors):
        for factor in adapter.tensors[module]:
            digest.update(f"{module} {tuple(factor.shape)}".encode())
            digest.update(factor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _without_values(adapter: Adapter) -> Adapter:
    return replace(adapter, tensors={m: (a.to("meta"), b.to("meta")) for m, (a, b) in adapter.tensors.items()})


def _fitted(looked: Sequence[_Looked], base: str | Path) -> tuple[Problem | None, list[_Looked]]:
    """What is wrong with the base, and the experts with what does not fit it."""
    try:
        folder, _ = find_base(base)
        check_base(folder)
        shapes = base_shapes(folder)
    except ExpertError as error:
        return _as_problem(None, "base", error), list(looked)
    return None, [
        one
        if one.adapter is None
        else replace(one, problems=(*one.problems, *fit_problems(one.adapter, folder, shapes)))
        for one in looked
    ]


def _as_problem(expert: str | None, field: str, error: ExpertError) -> Problem:
    """The problem of an error's message, which has the form ``who: what; remedy``."""
    _, _, text = str(error).partition(": ")
    what, _, remedy = text.partition("; ")
    return Problem(expert, field, what, remedy)


def _judged(row: Row, problems: Sequence[Problem]) -> Row:
    kinds = {problem.kind for problem in problems if problem.expert == row.name}
    worst: tuple[Kind, ...] = ("broken", "unsupported", "differs")
    return replace(row, verdict=next((kind for kind in worst if kind in kinds), "ok"))


def _passed_over(given: Sequence[str | Path]) -> Iterator[Caution]:
    for each in given:
        for folder in passed_over(each):
            inner = sorted(path.parent for path in folder.glob(f"*/{CONFIG}"))
            deeper = f" {inner[-1]} is one: give it by its own path." if inner else ""
            yield Caution((), "folder", f"{folder} holds no adapter, and is passed over.{deeper}")


def _cautions(looked: Sequence[_Looked]) -> Iterator[Caution]:
    """What is remarkable in experts that can be read."""
    yield from _twins(looked)
    norms = {one.row.name: one.row.norm for one in looked if one.row.norm is not None}
    for name, norm in norms.items():
        if norm == 0:
            yield Caution((name,), "norm", f"{name} changes nothing: all its changes are zero. Was it trained?")
    yield from _outliers({name: norm for name, norm in norms.items() if norm > 0})
    bases = named_bases(one.adapter for one in looked if one.adapter is not None)
    if len(bases) > 1:
        most = max(bases, key=lambda base: len(bases[base]))
        for base, names in bases.items():
            if base != most:
                text = f"{', '.join(names)}: made from {base or 'a base without a name'}, most from {most or 'none'}"
                yield Caution(tuple(names), "base_model_name_or_path", f"{text}; is it the same model?")


def _twins(looked: Sequence[_Looked]) -> Iterator[Caution]:
    alike: dict[str, list[str]] = {}
    for one in looked:
        if one.digest is not None:
            alike.setdefault(one.digest, []).append(one.row.name)
    for names in alike.values():
        if len(names) > 1:
            text = f"{' and '.join(names)} are identical: keep one, or find the one that was meant."
            yield Caution(tuple(names), "twins", text)


def _outliers(norms: Mapping[str, float]) -> Iterator[Caution]:
    if len(norms) < 3:
        return
    median = statistics.median(norms.values())
    for name, norm in norms.items():
        if norm > OUTLIER * median or norm < median / OUTLIER:
            how = f"{norm / median:.3g} times the median"
            text = f"{name}: the norm of its changes is {norm:.3g}, {how} ({median:.3g}). Is its alpha right?"
            yield Caution((name,), "norm", text)

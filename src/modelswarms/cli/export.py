"""``modelswarms export``: the best expert of a run, to serve or to share."""

from __future__ import annotations

from pathlib import Path

from modelswarms.cli.console import output
from modelswarms.errors import ConfigError

__all__ = ["export"]


def export(run: Path, out: Path, *, full: bool = False, dtype: str | None = None, mergekit: bool = False) -> None:
    """Write the best expert of a run to a folder of its own, with a model card.

    By default a PEFT adapter, which vLLM and transformers serve beside the base;
    with --full, the base's weights with the adapter added; with --mergekit, a
    configuration that mergekit makes it from. Of a run that is not over, it is
    the best so far.

    Examples:
      modelswarms export runs/first my-expert
      modelswarms export runs/first my-model --full --dtype bfloat16
      modelswarms export runs/first my-merge.yml --mergekit

    Parameters
    ----------
    run
        Folder of the run; it is only read.
    out
        Folder to write; new, or empty. With --mergekit, a new file.
    full
        Full weights instead of an adapter.
    dtype
        Of full weights: float32, bfloat16 or float16; by default the base's own.
    mergekit
        A mergekit configuration over the experts, instead of weights.
    """
    from modelswarms.commands.export import export as write

    if mergekit:
        _write_recipe(run, out, full or dtype is not None)
        return

    with output.status("writing"):
        done = write(run, out, full=full, dtype=dtype)  # type: ignore[arg-type]  # it says which are allowed
    what = "full weights" if done.full else "a PEFT adapter"
    lines = [f"{done.folder}: {what}, candidate {done.candidate}, dev {done.dev:.4f}. README.md is its model card."]
    if not done.over:
        lines.append("The search is not over: this is the best so far, and has no test figure.")
    for line in lines:
        output.print(line, markup=False, highlight=False, soft_wrap=True)


def _write_recipe(run: Path, out: Path, weights: bool) -> None:
    from modelswarms.commands.mergekit import export_recipe

    if weights:
        raise ConfigError("--mergekit: writes no weights; give it without --full and --dtype.")
    done = export_recipe(run, out)
    output.print(f"{done}: a configuration for mergekit-yaml.", markup=False, highlight=False, soft_wrap=True)

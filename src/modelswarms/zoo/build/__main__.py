"""Command line of the build; see the package's docstring."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from modelswarms.zoo.build.settings import full_settings, tiny_settings
from modelswarms.zoo.build.stages import STAGES, Build, build

_SETTINGS = {"full": full_settings, "tiny": tiny_settings}

_EXAMPLES = """examples:
  python -m modelswarms.zoo.build --out zoo                     the whole zoo, on the GPU
  python -m modelswarms.zoo.build --out zoo --stage experts     one stage; those before it must be done
  python -m modelswarms.zoo.build --out try --setting tiny --device cpu
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelswarms.zoo.build",
        description="Build the zoo from a seed: questions, base model, experts, table. Stages can be resumed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stage", choices=tuple(STAGES), help="run one stage (default: all, in order)")
    parser.add_argument("--out", type=Path, default=Path("zoo_build"), help="folder of the build (default: zoo_build)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--setting", choices=tuple(_SETTINGS), default="full")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--nlgraph", type=Path, help="real NLGraph questions (JSON with dev and test) for the table")
    return parser


@contextmanager
def _logged(folder: Path) -> Iterator[None]:
    """Progress goes to the terminal and to the build's own log."""
    folder.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger("modelswarms.zoo.build")
    logger.setLevel(logging.INFO)
    handlers = (logging.StreamHandler(sys.stderr), logging.FileHandler(folder / "build.log"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def main(arguments: list[str] | None = None) -> int:
    """Run the build; 0 when done, 2 with one line when it cannot be."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # equal bits on every run; see ``repeatable``
    stages = (options.stage,) if options.stage else tuple(STAGES)
    plan = Build(options.out, _SETTINGS[options.setting](), options.seed, torch.device(options.device), options.nlgraph)
    with _logged(options.out):
        try:
            build(plan, stages)
        except (FileNotFoundError, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The verbs, and what becomes of errors."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import cyclopts
from rich.console import Console
from rich.logging import RichHandler

import modelswarms
from modelswarms.cli import (
    compare,
    data,
    demo,
    evaluate,
    experts,
    export,
    report,
    resume,
    search,
    status,
    sweep,
    utilities,
    zoo,
)
from modelswarms.cli.console import RUN_IN_PROGRESS, errors
from modelswarms.errors import WrongInputError

__all__ = ["app", "main"]

log = logging.getLogger(__name__)

DONE, WRONG_INPUT, FAILED_RUN, INTERRUPTED = 0, 2, 3, 130

app = cyclopts.App(
    name="modelswarms",
    help="Search the combined weights of several experts that share a base model for one better expert.",
    version=modelswarms.__version__,
    suppress_keyboard_interrupt=False,  # main says how to resume
    help_format="plaintext",
    help_epilogue=(
        "First run: `modelswarms demo`. Exit codes: 0 done, 2 wrong input, 3 failed run (resumable), 130 interrupted."
    ),
)
app.command(demo.demo)
app.command(search.search)
app.command(resume.resume)
app.command(compare.compare)
app.command(sweep.sweep)
app.command(experts.app)
app.command(report.report)
app.command(evaluate.evaluate)
app.command(export.export)
app.command(status.status)
app.command(data.app)
app.command(utilities.utilities)
app.command(zoo.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; gives its exit code."""
    _log_to_stderr()
    RUN_IN_PROGRESS.clear()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.CycloptsError as error:
        verb = "".join(f" {name}" for name in error.command_chain or ())
        return _refuse(f"{error} See: modelswarms{verb} --help")
    except KeyboardInterrupt:
        _say(f"interrupted{'; nothing evaluated is lost' if RUN_IN_PROGRESS else ''}.{_how_to_resume()}")
        return INTERRUPTED
    except SystemExit:
        raise
    except Exception as error:  # the run folder is intact whatever happened
        if isinstance(error, WrongInputError) and not RUN_IN_PROGRESS:
            return _refuse(str(error))
        log.debug("the command failed", exc_info=True)
        _say(f"error: {_described(error)}{_how_to_resume()}")
        return FAILED_RUN
    return code if isinstance(code, int) else DONE


def _refuse(message: str) -> int:
    _say(f"error: {' '.join(message.split())}")
    return WRONG_INPUT


def _described(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, modelswarms.ModelswarmsError) else f"{type(error).__name__}: {text}"


def _how_to_resume() -> str:
    return f" Go on with: {RUN_IN_PROGRESS[-1]}" if RUN_IN_PROGRESS else ""


def _say(line: str) -> None:
    errors.print(line, markup=False, highlight=False, soft_wrap=True)


def _log_to_stderr() -> None:
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

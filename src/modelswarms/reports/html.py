"""``report.html``: one file that needs nothing else, the same bytes for the same run."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from modelswarms.errors import RunError
from modelswarms.reports.evidence import gather
from modelswarms.reports.view import View, build_view
from modelswarms.runs import RunFolder
from modelswarms.runs.atomic import replace_file

__all__ = ["NAME", "render", "saved_result", "write_report"]

NAME = "report.html"


def render(view: View) -> str:
    """The page. Everything but our own charts is escaped."""
    return _templates().get_template("report.html").render(view=view)


def write_report(run: str | Path, out: str | Path | None = None) -> Path:
    """Writes the report of a run as it is by now: over, under way or failed.

    Args:
        run: folder of the run; nothing else in it is touched.
        out: the file to write; ``report.html`` in the run's folder by default.

    Returns:
        The file.

    Raises:
        RunError: the folder is no run's, something in it is damaged, or the file cannot be written.
    """
    folder = RunFolder(run)
    manifest, records = folder.manifest(), folder.journal.read()
    evidence = gather(records, manifest, saved_result(folder))
    view = build_view(evidence, folder.path, folder.read_timing(), folder.read_usage())
    path = folder.path / NAME if out is None else Path(out)
    # Lone surrogates, as odd file names leave them, become character references.
    replace_file(path, render(view).encode("utf-8", "xmlcharrefreplace"))
    return path


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("modelswarms.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def saved_result(folder: RunFolder) -> dict[str, Any] | None:
    """What ``result.json`` holds; None where there is none. Raises RunError where it is damaged."""
    path = folder.path / "result.json"
    try:
        saved = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be read ({error}); 'modelswarms resume {folder.path}' writes it anew."
        ) from error
    if not isinstance(saved, dict):
        raise RunError(f"{path}: holds no result; 'modelswarms resume {folder.path}' writes it anew.")
    return saved

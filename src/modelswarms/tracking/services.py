"""The three trackers. Their packages are imported when they are started, in the thread that may wait for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelswarms.tracking.base import Row, markdown

__all__ = ["TensorBoardTracker", "TrackioTracker", "WandbTracker"]

PROJECT = "modelswarms"


@dataclass
class WandbTracker:
    """Weights & Biases (https://docs.wandb.ai); WANDB_MODE=offline keeps everything in the run's folder."""

    project: str = PROJECT
    name: str | None = None
    entity: str | None = None
    group: str | None = None
    mode: str | None = None

    def start(self, run: Path, id: str, config: Mapping[str, Any]) -> None:
        import wandb

        folder = run / "tracking"
        folder.mkdir(exist_ok=True)
        self._run = wandb.init(
            project=self.project,
            name=self.name or run.name,
            entity=self.entity,
            group=self.group,
            mode=self.mode,  # type: ignore[arg-type]  # wandb says which there are
            id=id,
            resume="allow",
            dir=str(folder),
            config=dict(config),
            settings=wandb.Settings(silent=True),
        )

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=step)

    def finish(self, step: int, summary: Mapping[str, float], table: Sequence[Row]) -> None:
        import wandb

        rows = [list(row.values()) for row in table]
        self._run.log({"result": wandb.Table(columns=list(table[0]), data=rows)}, step=step)
        self._run.summary.update(dict(summary))
        self._run.finish()


@dataclass
class TrackioTracker:
    """trackio (https://github.com/gradio-app/trackio), local unless ``space_id`` is given; TRACKIO_DIR says where."""

    project: str = PROJECT
    name: str | None = None
    group: str | None = None
    space_id: str | None = None

    def start(self, run: Path, id: str, config: Mapping[str, Any]) -> None:
        import trackio

        self._run = trackio.init(
            project=self.project,
            name=self.name or f"{run.name}-{id}",  # trackio goes on with a run by its name
            group=self.group,
            space_id=self.space_id,
            config=dict(config),
            resume="allow",
        )

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=step)

    def finish(self, step: int, summary: Mapping[str, float], table: Sequence[Row]) -> None:
        import trackio

        self._run.log({**summary, "result": trackio.Markdown(markdown(table))}, step=step)
        self._run.finish()


@dataclass
class TensorBoardTracker:
    """TensorBoard event files, in ``RUN/tracking/tensorboard`` unless ``log_dir`` says where."""

    log_dir: str | None = None

    def start(self, run: Path, id: str, config: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(self.log_dir or str(run / "tracking" / "tensorboard"))
        self._writer.add_text("config", "\n".join(f"    {key}: {value}" for key, value in config.items()))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def finish(self, step: int, summary: Mapping[str, float], table: Sequence[Row]) -> None:
        self.log(step, summary)
        self._writer.add_text("result", markdown(table), step)
        self._writer.close()

"""The table of wrong inputs: each is one line with its remedy, and leaves nothing behind."""

from wrong_inputs import (
    adapters,
    bases,
    command_line,
    configuration,
    data,
    data_verbs,
    devices,
    harness,
    judges,
    places,
    runs,
    scorers,
    sweeps,
    utilities,
    verbs,
    vllm,
)
from wrong_inputs.row import Row, working_folder

__all__ = ["GROUPS", "Row", "working_folder"]

GROUPS: dict[str, list[Row]] = {
    "Experts": adapters.ROWS,
    "The base": bases.ROWS,
    "Data": data.ROWS,
    "Commands about data": data_verbs.ROWS,
    "Configuration": configuration.ROWS,
    "Utilities": utilities.ROWS,
    "Reward models and other scorers": scorers.ROWS,
    "Judges and other services": judges.ROWS,
    "Tasks of lm-evaluation-harness": harness.ROWS,
    "Run folders": runs.ROWS,
    "Permissions": places.ROWS,
    "Devices": devices.ROWS,
    "The engine vllm": vllm.ROWS,
    "The command line": command_line.ROWS,
    "Sweeps": sweeps.ROWS,
    "Other commands": verbs.ROWS,
}

"""The zoo's own build: a tiny Llama and its LoRA experts, from a seed, on one GPU.

``python -m modelswarms.zoo.build --stage data|base|experts|table --out DIR`` runs one stage, or all four
without ``--stage``. This package stands alone: it needs torch, tokenizers, safetensors and networkx, and
nothing from the rest of modelswarms.
"""

from modelswarms.zoo.build.settings import BuildSettings, full_settings, tiny_settings
from modelswarms.zoo.build.stages import STAGES, Build, build

__all__ = ["STAGES", "Build", "BuildSettings", "build", "full_settings", "tiny_settings"]

"""The engine vllm, on a machine without the package."""

from __future__ import annotations

from wrong_inputs.row import Row, settings

ROWS = [
    Row(
        "vllm-missing",
        "vLLM, which is not installed",
        "engine.kind: 'vllm', but vLLM is not installed; pip install 'modelswarms[vllm]', or on a machine without a "
        "GPU see docs/vllm.md.",
        command="search my.yaml --engine.kind vllm",
    ),
    Row(
        "vllm-key-of-local",
        "a key of vLLM for the local engine",
        "engine.max_model_len: a key of engine.kind vllm, and the kind is local; leave it out, or choose that kind.",
        command="search my.yaml --engine.max_model_len 500",
    ),
    Row(
        "local-key-of-vllm",
        "a key of the local engine for vLLM",
        "engine.threads: a key of engine.kind local, and the kind is vllm; leave it out, or choose that kind.",
        settings(engine={"kind": "vllm", "threads": 2}),
    ),
    Row(
        "quantize-unknown",
        "bits that there are not",
        "engine.quantize: 'int3' is not allowed; give 'int8' or 'int4' or 'float8', or null.",
        command="search my.yaml --engine.quantize int3",
    ),
    Row(
        "quantize-merged",
        "experts merged into a base in fewer bits",
        "engine.adapter: 'merged' is not possible with engine.quantize; leave one of them out.",
        settings(engine={"quantize": "int8", "adapter": "merged"}),
    ),
    Row(
        "adapter-unknown",
        "another way to add experts",
        "engine.adapter: 'fused' is not allowed; give 'auto' or 'merged' or 'unmerged'.",
        command="search my.yaml --engine.adapter fused",
    ),
    Row(
        "memory-fraction",
        "more than all of the memory",
        "engine.memory_fraction: 1.5 is not allowed; give a number above 0 and up to 1, or null.",
        settings(engine={"kind": "vllm", "memory_fraction": 1.5}),
    ),
    Row(
        "tensor-parallel",
        "no GPU at all",
        "engine.tensor_parallel: 0 is not allowed; give a whole number above 0, or null.",
        command="search my.yaml --engine.kind vllm --engine.tensor_parallel 0",
    ),
    Row(
        "max-model-len",
        "a context in words",
        "engine.max_model_len: 'all' is not allowed; give a whole number or null.",
        command="search my.yaml --engine.kind vllm --engine.max_model_len all",
    ),
    Row(
        "slots-fraction",
        "half a candidate in flight",
        "engine.slots: 2.5 is not allowed; give a whole number or null.",
        command="search my.yaml --engine.kind vllm --engine.slots 2.5",
    ),
]

"""Devices that are not there, on a machine that has none but its processor."""

from __future__ import annotations

from wrong_inputs.row import Row, settings

ROWS = [
    Row(
        "cuda",
        "cuda where there is none",
        "engine.device: 'cuda', but torch sees 0 CUDA devices; give 'cpu' or 'auto', or mend the "
        "installation of torch.",
        command="search my.yaml --engine.device cuda",
    ),
    Row(
        "cuda-99",
        "a GPU's number that is not there",
        "engine.device: 'cuda:99', but torch sees 0 CUDA devices; give 'cpu' or 'auto', or mend the "
        "installation of torch.",
        settings(engine={"device": "cuda:99"}),
    ),
    Row(
        "mps",
        "mps where there is none",
        "engine.device: 'mps', but torch sees no such device; give 'cpu' or 'auto', or mend the installation of torch.",
        command="search my.yaml --engine.device mps",
    ),
    Row(
        "tpu",
        "a device that is not known",
        "engine.device: 'tpu' is not allowed; give 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'.",
        command="search my.yaml --engine.device tpu",
    ),
    Row(
        "cuda-letter",
        "a GPU's number that is none",
        "engine.device: 'cuda:x' is not allowed; give 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'.",
        command="search my.yaml --engine.device cuda:x",
    ),
    Row(
        "device-number",
        "a number instead of a device",
        "engine.device: 0 is not allowed; give a text.",
        command="search my.yaml --engine.device 0",
    ),
    Row(
        "dtype",
        "a precision that is not known",
        "engine.dtype: 'float8' is not allowed; give 'auto' or 'float32' or 'bfloat16' or 'float16'.",
        command="search my.yaml --engine.dtype float8",
    ),
    Row(
        "dtype-whole",
        "a precision that is no floating point",
        "engine.dtype: 'int8' is not allowed; give 'auto' or 'float32' or 'bfloat16' or 'float16'.",
        settings(engine={"dtype": "int8"}),
    ),
    Row(
        "threads-text",
        "threads that are no number",
        "engine.threads: 'two' is not allowed; give a whole number or null.",
        command="demo --engine.threads two",
    ),
    Row(
        "resume-device",
        "a device that is not there, on resume",
        "engine.device: 'cuda:7', but torch sees 0 CUDA devices; give 'cpu' or 'auto', or mend the "
        "installation of torch.",
        command="resume run --engine.device cuda:7",
        needs_run=True,
    ),
    Row(
        "devices-absent",
        "more devices than there are",
        "engine.devices: [0, 1], but torch sees 0 CUDA devices; give their numbers, from 0, or engine.workers for "
        "workers on processors.",
        settings(engine={"devices": [0, 1]}),
    ),
    Row(
        "devices-twice",
        "a device twice",
        "engine.devices: (0, 0) is not allowed; give different GPUs' numbers, such as [0, 1], or null.",
        settings(engine={"devices": [0, 0]}),
    ),
    Row(
        "devices-and-device",
        "devices and a device",
        "engine.devices and engine.device both say where to run; leave one of them out.",
        settings(engine={"devices": [0], "device": "cuda:0"}),
    ),
    Row(
        "workers-none",
        "no workers",
        "engine.workers: 0 is not allowed; give a whole number above 0, or null.",
        command="search my.yaml --engine.workers 0",
    ),
    Row(
        "share-without-workers",
        "a share of a GPU without workers",
        "engine.gpus_per_worker: there are no workers; give engine.workers as well, or leave it out.",
        command="search my.yaml --engine.gpus_per_worker 0.5",
    ),
    Row(
        "share-of-two",
        "one GPU and a half for each worker",
        "engine.gpus_per_worker: 1.5 is not allowed; give a fraction, or a whole number of GPUs.",
        command="search my.yaml --engine.workers 1 --engine.gpus_per_worker 1.5",
    ),
    Row(
        "cluster-away",
        "a cluster that is not there",
        "engine.address: 127.0.0.1:1 cannot be reached (Connection refused); start Ray there, or give the address that "
        "'ray start --head' printed.",
        command="search my.yaml --engine.address 127.0.0.1:1",
    ),
    Row(
        "cluster-no-address",
        "a cluster's address without a port's number",
        "engine.address: here:there cannot be reached (…); start Ray there, or give the address that "
        "'ray start --head' printed.",
        command="search my.yaml --engine.address here:there",
    ),
]

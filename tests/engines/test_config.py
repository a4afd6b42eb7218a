"""Settings of the engine are checked by name, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modelswarms import ConfigError, loading, zoo
from modelswarms.engines import ENGINES, Engine, EngineConfig, local, make_engine
from modelswarms.engines.config import DTYPES, KINDS


@pytest.mark.parametrize(
    ("key", "value"),
    [("kind", "remote"), ("kind", None), ("device", "gpu"), ("device", "cuda:"), ("device", "cuda:-1"),
     ("device", "cpu "), ("device", None), ("dtype", "fp8"), ("dtype", "bf16"), ("dtype", None), ("threads", 0),
     ("threads", -1), ("threads", 1.5), ("threads", "2"), ("threads", True), ("block_tokens", 0),
     ("block_tokens", True), ("block_tokens", 2.0)],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_is_allowed(key, value):
    with pytest.raises(ConfigError) as caught:
        EngineConfig(**{key: value})
    assert str(caught.value).startswith(f"engine.{key}: {value!r} is not allowed; give ")


@pytest.mark.parametrize(
    "settings",
    [{}, {"device": "cuda:12"}, {"device": "mps", "dtype": "float16"}, {"threads": 3, "block_tokens": 1}],
    ids=str,
)
def test_what_is_allowed_is_kept(settings):
    config = EngineConfig(**settings)
    assert {key: getattr(config, key) for key in settings} == settings


def test_every_kind_has_an_engine_and_every_dtype_exists():
    assert tuple(ENGINES) == KINDS
    assert all(isinstance(getattr(torch, dtype), torch.dtype) for dtype in DTYPES if dtype != "auto")
    assert isinstance(make_engine(EngineConfig(device="cpu"), zoo.base_path()), Engine)


def test_devices_that_are_not_there_are_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for device, says in (("cuda:1", "'cuda:1', but torch sees 1 CUDA"), ("mps", "'mps', but torch sees no")):
        with pytest.raises(ConfigError, match=rf"engine\.device: {says}.*give 'cpu' or 'auto'"):
            make_engine(EngineConfig(device=device), Path("nowhere"))


@pytest.mark.parametrize(("cuda", "mps", "device"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_best_device_is_taken(monkeypatch, cuda, mps, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    engine = local.LocalEngine(EngineConfig(), Path("nowhere"))
    assert engine.device.type == device
    assert engine.block_tokens == loading.BLOCK_TOKENS[device]
    assert local.LocalEngine(EngineConfig(block_tokens=77), Path("nowhere")).block_tokens == 77


@pytest.mark.parametrize(
    ("device", "flags", "dtype"),
    [("cpu", "fpu avx2 avx512f", torch.float32), ("cpu", "fpu avx512_bf16", torch.bfloat16),
     ("cpu", "amx_bf16 fpu", torch.bfloat16), ("cpu", None, torch.float32), ("mps", "avx512_bf16", torch.float32),
     ("cuda", "fpu", torch.bfloat16)],
)  # fmt: skip
def test_auto_is_bfloat16_where_it_is_quick(monkeypatch, device, flags, dtype):
    def read(path, **_):
        assert str(path) == "/proc/cpuinfo"
        if flags is None:
            raise FileNotFoundError
        return f"processor : 0\nflags : {flags}\n"

    loading._fast_bfloat16.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", read)
        found = loading.dtype_of("auto", torch.device(device))
    loading._fast_bfloat16.cache_clear()
    assert found == dtype
    assert loading.dtype_of("float16", torch.device(device)) == torch.float16

"""Running rows of different lengths as one, without padding, and decoding them together.

``memory`` holds keys and values and is what attention reads; ``runner`` feeds a transformers model through it;
``steps`` repeats the step of decoding, as a CUDA graph where there is a GPU.
"""

from modelswarms.engines.packed.runner import Packed, packed_or_none

__all__ = ["Packed", "packed_or_none"]

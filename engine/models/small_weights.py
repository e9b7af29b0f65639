"""Weights of a denoiser in 8 bits, which torchao widens again as each layer runs."""

from __future__ import annotations

import importlib.util
from typing import Any

from engine.catalogue import ModelSpec
from engine.errors import BrokenModelError, Sentence


def in_8_bits(denoiser: Any, spec: ModelSpec) -> None:  # noqa: ANN401
    """Keep the products of matrices in `spec.quantise`, "int8" or "fp8", with a scale a channel.

    Convolutions stay as they are, which are a third of SD 1.5's weights. BrokenModelError where
    torchao is missing.
    """
    if importlib.util.find_spec("torchao") is None:
        raise BrokenModelError(
            Sentence(
                "{title} needs the extra `int8`: pip install -c constraints.txt -e '.[int8]'.",
                title=spec.info.title,
            )
        )
    from torchao.quantization import (  # noqa: PLC0415 - only where an entry asks for it
        Float8WeightOnlyConfig,
        Int8WeightOnlyConfig,
        quantize_,
    )

    form = Int8WeightOnlyConfig if spec.quantise == "int8" else Float8WeightOnlyConfig
    quantize_(denoiser, form())

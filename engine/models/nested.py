"""What a denoiser is called with: tensors in tuples, lists and dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:  # noqa: ANN401
    """The same structure with every tensor changed, and all else as it is."""
    match value:
        case Tensor():
            return change(value)
        case dict():
            return {key: mapped(each, change) for key, each in value.items()}
        case list() | tuple():
            return type(value)(mapped(each, change) for each in value)
        case _:
            return value

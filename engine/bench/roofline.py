"""What a device can do at best, measured by a product of two large matrices."""

from __future__ import annotations

import time

import torch

SIDE = {"cuda": 8192, "cpu": 1024}
"""Of the matrices: large enough that a card is fully at work."""
ROUNDS = 10


@torch.inference_mode()
def measured_tflop_s(device: torch.device, dtype: torch.dtype) -> float:
    """10¹² floating-point operations a second, the best of some rounds; an addition counts as one
    and a multiplication as one.
    """
    side = SIDE.get(device.type, SIDE["cpu"])
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    times_s = []
    for _ in range(ROUNDS):
        _wait(device)
        began_s = time.perf_counter()
        one @ other
        _wait(device)
        times_s.append(time.perf_counter() - began_s)
    return 2 * side**3 / min(times_s) / 1e12


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

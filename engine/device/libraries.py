"""What torch and its companions read when they are imported; imports none of them."""

from __future__ import annotations

import os


def prepare() -> None:
    """Set it, where the operator has not; call it before torch is imported.

    Torch's threads sleep where they wait for each other. By default they spin: with one of two
    cores busy elsewhere, a tick of a small UNet then took 0.2–0.5 s instead of 0.02, because each
    spinning thread used the core that the other one waited for.

    The libraries tell errors only. Their warnings are for programmers: that torchvision is not
    installed, at every start.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

"""How torch's CPU threads wait; imports no torch, because it must run before that."""

from __future__ import annotations

import os


def wait_passively() -> None:
    """Let torch's threads sleep where they wait for each other; call it before torch is imported.

    By default they spin. With one of two cores busy elsewhere, a tick of a small UNet then took
    0.2–0.5 s instead of 0.02, because each spinning thread used the core that the other one waited
    for.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

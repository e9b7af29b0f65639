"""How torch's CPU threads wait; imports no torch, because it must speak first."""

from __future__ import annotations

import os


def wait_passively() -> None:
    """Let torch's threads sleep where they wait for each other; call before torch is imported.

    They spin by default. With one of two cores busy elsewhere, a tick of a small UNet then took
    0.2–0.5 s instead of 0.02, since each spinning thread held the core the other one waited for.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

"""What the C library holds free goes back to the system, so that memory stays what is in use.

glibc takes blocks of up to 32 MB from heaps, and gives a heap back only from its end. Between
blocks that live long, holes are left where pixels were: others do not fit into them, and
the heap grows by 10 to 20 KB a job, though nothing is held. See mallopt(3) and malloc_trim(3).
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

EVERY_S = 60.0
"""Between two times that free pages go back."""
APART_BYTES = 64 * 1024
"""What 128 by 128 pixels take."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


def one_heap() -> bool:
    """Threads that are still to come share one heap; each would have its own, with its own holes.

    Those heaps are given back less well, and come in pieces of 64 MB, into which what a model needs
    on its way fits badly. Returns whether it is so now.
    """
    return bool(_call("mallopt", _M_ARENA_MAX, 1))


def keep_apart(device: str) -> bool:
    """From now on blocks of `APART_BYTES` and more are mapped one by one, and leave when freed.

    device: what this process draws with, as `EngineStatus` names it. Not where that is the CPU: it
    asks for such blocks all the time, and drew a grid in 1.5 times its seconds. Returns whether it
    is so now.
    """
    return not device.startswith("cpu") and bool(_call("mallopt", _M_MMAP_THRESHOLD, APART_BYTES))


def give_back() -> bool:
    """Free pages in the middle of heaps go back to the system, whether or not there were any.

    For a thread: it takes some milliseconds, and up to 0.2 s where hundreds of MB were freed since
    the last time; who asks for memory waits meanwhile. Returns whether there is a way to it here.
    """
    return _call("malloc_trim", 0) is not None


def _call(name: str, *arguments: int) -> Any:  # noqa: ANN401 - an int
    """What glibc's function returns; None on another system or with another C library."""
    if sys.platform != "linux":
        return None
    function = getattr(ctypes.CDLL(None), name, None)
    return None if function is None else function(*arguments)

"""Everything the scenes can show: one function for each subject, in the box -1 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doodle.subjects import beasts, birds, buildings, plants, small, things, vehicles

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from doodle.pen import Pen

SUBJECTS: dict[str, Callable[[Pen, Random], None]] = {
    function.__name__: function
    for kind in (beasts, birds, small, plants, buildings, vehicles, things)
    for function in kind.ALL
}
FLYING = frozenset({"butterfly", "balloon", "plane", "rocket", "star", "heart", "moon", "sun",
                    "cloud"})  # fmt: skip
"""What hangs in the air in most scenes, where the others stand on the ground."""
SWIMMING = frozenset({"fish", "whale"})
"""What floats a little above the ground, and throws no shadow."""
TALL = frozenset({"tree", "pine", "house", "castle", "lighthouse", "windmill", "balloon"})
"""What is larger than the rest where two things stand together."""

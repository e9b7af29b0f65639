"""Everything the scenes can show: one short function for each subject, in the box -1 to 1."""

from collections.abc import Callable

from doodle.drawing import Pen
from doodle.subjects import animals, buildings, food, plants, shapes, vehicles

SUBJECTS: dict[str, Callable[[Pen], None]] = {
    function.__name__: function
    for kind in (animals, plants, buildings, vehicles, food, shapes)
    for function in kind.ALL
}

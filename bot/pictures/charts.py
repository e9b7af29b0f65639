"""Bars by day as a picture, drawn by matplotlib. Slow: never on the event loop."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass

_DPI = 100
_WIDTH_IN, _HEIGHT_IN = 9.0, 2.3
_BACKGROUND, _INK, _LINE = "#2b2d31", "#dbdee1", "#4e5058"
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans JP", "Yu Gothic", "Hiragino Sans")
"""Those that are not installed are passed over."""
_DRAWING = threading.Lock()
"""matplotlib's caches of fonts are not made for threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One row of bars, of one or two parts on each other."""

    title: str
    other_title: str
    """The same in English, where no font here has the letters of `title`."""
    colour: str
    values: Sequence[float]
    """Of whole numbers only such are written beside them."""
    more: Sequence[float] = ()
    """On top of the values; none where it is empty."""
    more_colour: str = "#da373c"


def bars(days: Sequence[str], panels: Sequence[Panel]) -> bytes:
    """A PNG of the panels below each other, over the same days."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, for one command
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    with _DRAWING:
        figure = Figure(
            figsize=(_WIDTH_IN, _HEIGHT_IN * len(panels)), dpi=_DPI, facecolor=_BACKGROUND
        )
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        places = range(len(days))
        family = _installed()
        for panel, axis in zip(panels, axes, strict=True):
            axis.set_facecolor(_BACKGROUND)
            axis.bar(places, panel.values, color=panel.colour, width=0.8)
            if any(panel.more):
                axis.bar(
                    places, panel.more, bottom=panel.values, color=panel.more_colour, width=0.8
                )
            title = panel.title if _drawable(panel.title, family) else panel.other_title
            axis.set_title(title, color=_INK, loc="left", fontsize=12, family=family)
            axis.tick_params(colors=_INK, labelsize=9)
            whole = all(isinstance(each, int) for each in panel.values)
            axis.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=whole, min_n_ticks=1))
            axis.grid(visible=True, axis="y", color=_LINE, linewidth=0.6)
            axis.set_axisbelow(True)
            for side in axis.spines.values():
                side.set_color(_LINE)
            axis.set_ylim(bottom=0)
        step = max(1, -(-len(days) // 15))
        axes[-1].set_xticks(list(places)[::step], list(days)[::step])
        figure.tight_layout()
        file = io.BytesIO()
        figure.savefig(file, format="png", facecolor=_BACKGROUND)
        return file.getvalue()


def _installed() -> list[str]:
    from matplotlib.font_manager import fontManager  # noqa: PLC0415 - as above

    names = set(fontManager.get_font_names())
    return [name for name in _FONTS if name in names]


def _drawable(text: str, family: Sequence[str]) -> bool:
    """Whether the fonts have all letters of the text between them."""
    from matplotlib.font_manager import FontProperties, findfont, get_font  # noqa: PLC0415

    fonts = [get_font(findfont(FontProperties(family=name))) for name in family]
    return all(
        any(font.get_char_index(ord(letter)) for font in fonts)
        for letter in text
        if not letter.isspace()
    )

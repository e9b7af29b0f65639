"""Contact sheets: many pictures in one, and the plot of the losses."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

MARGIN_PX = 4
PAPER = (245, 243, 238)


def contact_sheet(images: list[Image.Image], *, columns: int) -> Image.Image:
    """Return the pictures row by row; each cell is as large as the largest picture."""
    width = max(image.width for image in images) + MARGIN_PX
    height = max(image.height for image in images) + MARGIN_PX
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * width + MARGIN_PX, rows * height + MARGIN_PX), PAPER)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        sheet.paste(image, (MARGIN_PX + column * width, MARGIN_PX + row * height))
    return sheet


def plot_losses(log: Path, target: Path) -> None:
    """Plot every part's loss by step, as `training` has logged it."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import, and wanted here alone
    except ModuleNotFoundError:
        warnings.warn('No loss plot: pip install -e ".[train]" brings matplotlib.', stacklevel=2)
        return

    curves: dict[str, list[tuple[int, float]]] = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        curves.setdefault(entry["part"], []).append((entry["step"], entry["loss"]))
    figure = Figure(figsize=(4 * len(curves), 3), layout="constrained")
    for axes, (part, points) in zip(
        figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True
    ):
        axes.plot(*zip(*points, strict=True))
        axes.set(title=part, xlabel="step", ylabel="loss", yscale="log")
    figure.savefig(target)

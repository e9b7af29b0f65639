"""Contact sheets: many pictures in one."""

from __future__ import annotations

from PIL import Image

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

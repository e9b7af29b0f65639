"""The styles: each function turns shapes into pixels in its own way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from doodle.drawing import RGB, Shape, mix

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Size = tuple[int, int]
    Layers = tuple[list[Shape], list[Shape]]

SUPERSAMPLING = 3
PAPER: RGB = (250, 246, 234)


def flat(layers: Layers, size: Size, rng: Random) -> Image.Image:
    """Solid colours; the subject has a dark outline and a pale rim, like a sticker."""
    del rng
    back, front = layers
    image, draw, unit = _sheet(size, PAPER)
    for shape in back:
        _fill(draw, unit, shape, shape.rgb)
    for shape in front:
        _outline(draw, unit, shape, (255, 252, 240), 0.05)
    for shape in front:
        _inked(draw, unit, shape, (shape.rgb, mix(shape.rgb, (20, 14, 40), 0.7)), 0.014)
    return image.reduce(SUPERSAMPLING)


def sketch(layers: Layers, size: Size, rng: Random) -> Image.Image:
    """Pencil lines over a thin wash on paper."""
    back, front = layers
    image, draw, unit = _sheet(size, PAPER)
    for shape in back:
        tones = mix(shape.rgb, PAPER, 0.5), mix(shape.rgb, (110, 106, 112), 0.6)
        _inked(draw, unit, _shaky(shape, rng, 0.003), tones, 0.008)
    for shape in front:
        _outline(draw, unit, shape, PAPER, 0.045)
    for shape in front:
        tones = mix(shape.rgb, PAPER, 0.3), (62, 58, 66)
        _inked(draw, unit, _shaky(shape, rng, 0.004), tones, 0.014)
    return image.reduce(SUPERSAMPLING)


def neon(layers: Layers, size: Size, rng: Random) -> Image.Image:
    """Glowing tubes in the dark."""
    del rng
    back, front = layers
    image, draw, unit = _sheet(size, (0, 0, 0))
    light, light_draw, _ = _sheet(size, (0, 0, 0))
    for shape in back:
        _fill(draw, unit, shape, mix(shape.rgb, (8, 4, 22), 0.72))
        tones = (0, 0, 0), mix(shape.rgb, (0, 0, 0), 0.35)
        _inked(light_draw, unit, shape, tones, 0.01)
    for shape in front:
        _outline(draw, unit, shape, (6, 4, 16), 0.06)
        _outline(light_draw, unit, shape, (0, 0, 0), 0.06)
    for shape in front:
        _fill(draw, unit, shape, mix(shape.rgb, (8, 4, 22), 0.5))
        tones = (0, 0, 0), mix(shape.rgb, (255, 255, 255), 0.12)
        _inked(light_draw, unit, shape, tones, 0.022)
    tubes = light.reduce(SUPERSAMPLING)
    glow = tubes.filter(ImageFilter.GaussianBlur(min(size) / 32))
    lit = ImageChops.screen(image.reduce(SUPERSAMPLING), tubes)
    return ImageChops.add(lit, glow)


def pixel(layers: Layers, size: Size, rng: Random) -> Image.Image:
    """Large square pixels in few colours."""
    small = flat(layers, size, rng).reduce(4)
    few = small.quantize(24, method=Image.Quantize.MEDIANCUT).convert("RGB")
    return few.resize(size, Image.Resampling.NEAREST)


def watercolour(layers: Layers, size: Size, rng: Random) -> Image.Image:
    """Soft colours on paper, darker at their edges."""
    back, front = layers
    image, draw, unit = _sheet(size, PAPER)
    for shape in back:
        _fill(draw, unit, _shaky(shape, rng, 0.008), mix(shape.rgb, PAPER, 0.35))
    image = image.filter(ImageFilter.GaussianBlur(min(size) / 32))
    draw = ImageDraw.Draw(image)
    for shape in front:
        _outline(draw, unit, shape, PAPER, 0.05)
    for shape in front:
        wash = mix(shape.rgb, PAPER, 0.2)
        _inked(
            draw, unit, _shaky(shape, rng, 0.006), (wash, mix(shape.rgb, (60, 50, 80), 0.25)), 0.012
        )
    return image.reduce(SUPERSAMPLING).filter(ImageFilter.GaussianBlur(min(size) / 180))


def glass(layers: Layers, size: Size, rng: Random) -> Image.Image:
    """Stained glass: bright panes between black lines, more of which cross the background."""
    back, front = layers
    image, draw, unit = _sheet(size, PAPER)
    lead = (16, 14, 20)
    for shape in back:
        _inked(draw, unit, shape, (mix(shape.rgb, (255, 240, 200), 0.12), lead), 0.016)
    wide = size[0] / size[1]
    for i in range(10):
        turn = math.tau * (i + rng.uniform(-0.1, 0.1)) / 10
        rim = (wide / 2 + 2 * math.sin(turn)) * unit, (0.5 + 2 * math.cos(turn)) * unit
        _stroke(draw, [(wide / 2 * unit, 0.5 * unit), rim], lead, 0.014 * unit)
    for shape in front:
        _outline(draw, unit, shape, lead, 0.05)
    for shape in front:
        _inked(draw, unit, shape, (mix(shape.rgb, (255, 240, 200), 0.08), lead), 0.026)
    return image.reduce(SUPERSAMPLING)


def _sheet(size: Size, rgb: RGB) -> tuple[Image.Image, ImageDraw.ImageDraw, float]:
    width, height = size
    image = Image.new("RGB", (width * SUPERSAMPLING, height * SUPERSAMPLING), rgb)
    return image, ImageDraw.Draw(image), float(height * SUPERSAMPLING)


def _fill(draw: ImageDraw.ImageDraw, unit: float, shape: Shape, rgb: RGB) -> None:
    points = [(x * unit, y * unit) for x, y in shape.points]
    if shape.width is None:
        draw.polygon(points, fill=rgb)
    else:
        _stroke(draw, points, rgb, shape.width * unit)


def _inked(
    draw: ImageDraw.ImageDraw, unit: float, shape: Shape, tones: tuple[RGB, RGB], width: float
) -> None:
    """Draw a shape in its (fill, edge) tones; a stroke's edge first, which would hide the fill."""
    fill, edge = tones
    if shape.width is None:
        _fill(draw, unit, shape, fill)
        _outline(draw, unit, shape, edge, width)
    else:
        _outline(draw, unit, shape, edge, width)
        _fill(draw, unit, shape, fill)


def _outline(draw: ImageDraw.ImageDraw, unit: float, shape: Shape, rgb: RGB, width: float) -> None:
    """Draw the edge of a shape, unless it has none (an eye, a sky)."""
    if not shape.outlined:
        return
    points = [(x * unit, y * unit) for x, y in shape.points]
    if shape.width is None:
        _stroke(draw, [*points, points[0]], rgb, width * unit)
    else:
        _stroke(draw, points, rgb, (shape.width + width) * unit)


def _stroke(
    draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], rgb: RGB, width: float
) -> None:
    draw.line(points, fill=rgb, width=max(1, round(width)), joint="curve")


def _shaky(shape: Shape, rng: Random, by: float) -> Shape:
    dx, dy = rng.uniform(-by, by), rng.uniform(-by, by)
    return Shape(
        points=tuple((x + dx, y + dy) for x, y in shape.points),
        rgb=shape.rgb,
        width=shape.width,
        outlined=shape.outlined,
    )


STYLES: dict[str, Callable[[Layers, Size, Random], Image.Image]] = {
    function.__name__: function for function in (flat, sketch, neon, pixel, watercolour, glass)
}

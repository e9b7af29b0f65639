"""The styles: each function turns shapes into pixels in its own way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import skia
from PIL import Image

from doodle.pen import RGB, Point, Shape, curve, mix, rect, ring, without

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Size = tuple[int, int]

PAPER: RGB = (250, 245, 232)
INK: RGB = (30, 20, 50)
DARK: RGB = (10, 6, 26)
WHITE: RGB = (255, 255, 255)
BLANK: RGB = (0, 0, 0)
PALE: RGB = (168, 166, 196)  # a line around what is nearly black
BLACK = 210  # the sum of red, green and blue below which a colour is nearly black
LARGE = 0.08  # of the box around a thing: from there on a part of it is large
BLOCKS = 32  # the large pixels of pixel art along the shorter side


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Shapes that stand together; the matrix takes their box into the frame of height 1."""

    shapes: list[Shape]
    matrix: skia.Matrix
    scale: float = 1.0  # of the matrix
    subject: bool = True  # a thing, or a part of the place
    tint: tuple[RGB, float] = (INK, 0.0)  # the place's light on it, and how much of it
    shadow: tuple[float, float, float, float] | None = None  # ellipse on the ground, in the frame


def flat(groups: list[Group], size: Size, rng: Random) -> Image.Image:
    """Smooth gradients and a thin line of the shape's own colour, as in a picture book."""
    del rng
    sheet = _Sheet(size, PAPER)
    for group in groups:
        sheet.enter(group)
        for shape in group.shapes:
            rgb = mix(shape.rgb, *group.tint)
            if group.subject and shape.lined:
                sheet.outline(shape, _line(rgb), min(0.013, 0.05 * group.scale))
            if group.subject:
                sheet.fill(shape, mix(rgb, (255, 252, 235), 0.16), mix(rgb, INK, 0.14))
            else:
                sheet.fill(shape, rgb, mix(shape.below, *group.tint) if shape.below else rgb)
        sheet.leave()
    return sheet.image()


def _line(rgb: RGB) -> RGB:
    """Return the colour of a shape's line: darker, but lighter where the shape is nearly black."""
    return mix(rgb, (150, 150, 190), 0.32) if sum(rgb) < BLACK else mix(rgb, INK, 0.6)


def sketch(groups: list[Group], size: Size, rng: Random) -> Image.Image:
    """Pencil lines and hatching over a thin wash on paper."""
    sheet = _Sheet(size, PAPER)
    for group in groups:
        sheet.enter(group)
        pencil = (70, 64, 78) if group.subject else (126, 120, 132)
        for shape in group.shapes:
            rgb = mix(shape.rgb, *group.tint)
            share = 0.34 if group.subject else 0.64
            below = mix(shape.below or rgb, PAPER, share + 0.08)
            sheet.fill(shape, mix(rgb, PAPER, share), below)
            if shape.lined:
                if group.subject and shape.width is None:
                    sheet.hatch(shape, mix(rgb, (60, 54, 70), 0.5), rng.uniform(-20, 20))
                sheet.scribble(shape, pencil, 0.008 if group.subject else 0.005, rng)
        sheet.leave()
    return sheet.image()


def neon(groups: list[Group], size: Size, rng: Random) -> Image.Image:
    """Glowing tubes in the dark."""
    del rng
    sheet, tubes = _Sheet(size, DARK), _Sheet(size, (0, 0, 0))
    for group in groups:
        sheet.enter(group)
        tubes.enter(group)
        for shape in group.shapes:
            rgb = mix(shape.rgb, *group.tint)
            if group.subject:
                dim = 0.72 if shape.lined else 0.45  # eyes and patches have no tube around them
                sheet.fill(shape, mix(rgb, DARK, dim), mix(rgb, DARK, dim + 0.12))
                tubes.fill(shape, (0, 0, 0), (0, 0, 0))
                if shape.lined or shape.width:
                    tubes.outline(
                        shape,
                        _bright(rgb),
                        min(0.017, 0.055 * group.scale),
                        over=shape.width is not None,
                    )
            else:
                below = shape.below or rgb
                keep = 0.3 if shape.glows else 0.72
                sheet.fill(shape, mix(rgb, DARK, keep), mix(below, DARK, keep + 0.08))
                tubes.fill(shape, (0, 0, 0), (0, 0, 0))
                if shape.lined:
                    tubes.outline(shape, mix(_bright(rgb), (0, 0, 0), 0.42), 0.007, over=True)
        sheet.leave()
        tubes.leave()
    lit = tubes.surface.makeImageSnapshot()
    glow = skia.Paint(
        BlendMode=skia.BlendMode.kPlus,
        ImageFilter=skia.ImageFilters.Blur(size[1] / 40, size[1] / 40),
    )
    sheet.canvas.resetMatrix()
    sheet.canvas.drawImage(lit, 0, 0, skia.SamplingOptions(), glow)
    sheet.canvas.drawImage(
        lit, 0, 0, skia.SamplingOptions(), skia.Paint(BlendMode=skia.BlendMode.kScreen)
    )
    return sheet.image()


def pixel(groups: list[Group], size: Size, rng: Random) -> Image.Image:
    """Large square pixels in few colours; things have an edge, or they were lost among them.

    It is dark, but pale around large parts that are nearly black.
    """
    del rng
    block = max(2, round(min(size) / BLOCKS))  # the same grid at every size
    sheet = _Sheet((size[0] * 2 // block, size[1] * 2 // block), PAPER)
    for group in groups:
        sheet.enter(group)
        if group.subject:
            large = LARGE * _area(*group.shapes)
            for shape in group.shapes:
                dark = sum(shape.rgb) < BLACK and _area(shape) > large
                edge = PALE if dark else INK
                sheet.outline(shape, edge, min(0.9 / BLOCKS, 0.07 * group.scale))
        for shape in group.shapes:
            rgb = mix(shape.rgb, *group.tint)
            if group.subject:
                if shape.lined:
                    sheet.outline(shape, _line(rgb), 0.45 / BLOCKS)
                sheet.fill(shape, mix(rgb, (255, 252, 235), 0.14), mix(rgb, INK, 0.16))
            else:
                sheet.fill(shape, rgb, mix(shape.below, *group.tint) if shape.below else rgb)
        sheet.leave()
    small = sheet.image().reduce(2)
    few = small.quantize(32, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    return few.convert("RGB").resize(size, Image.Resampling.NEAREST)


def _area(*shapes: Shape) -> float:
    """Return the area of the box around shapes."""
    box = skia.Rect(0, 0, 0, 0)
    for shape in shapes:
        box.join(shape.path.computeTightBounds())
    return box.width() * box.height()


def watercolour(groups: list[Group], size: Size, rng: Random) -> Image.Image:
    """Washes of colour that let the paper through and dry darker at their edges."""
    sheet = _Sheet(size, PAPER)
    for group in groups:
        sheet.enter(group)
        for shape in group.shapes:
            rgb = mix(shape.rgb, *group.tint)
            share = 0.12 if group.subject else 0.36
            end = mix(shape.below or rgb, PAPER, share + 0.3)
            sheet.wash(shape, mix(rgb, PAPER, share), end, rng, loose=not group.subject)
            if shape.lined and (group.subject or shape.width is None):
                edge = mix(rgb, INK, 0.28) if group.subject else mix(rgb, PAPER, 0.15)
                sheet.outline(shape, edge, 0.008, over=True, alpha=150)
        if not group.subject:
            sheet.blooms(rng)
        sheet.leave()
    sheet.margin(rng)
    return sheet.image()


def glass(groups: list[Group], size: Size, rng: Random) -> Image.Image:
    """Stained glass: bright panes between black lines, more of which cross the background."""
    lead = (22, 18, 28)
    sheet = _Sheet(size, PAPER)
    for i, group in enumerate(groups):
        if i and group.subject and not groups[i - 1].subject:
            _cames(sheet, size, lead, rng)
        sheet.enter(group)
        for shape in group.shapes:
            rgb = _bright(mix(shape.rgb, *group.tint))
            below = _bright(shape.below) if shape.below else mix(rgb, INK, 0.2)
            if group.subject and shape.lined:
                sheet.outline(shape, lead, min(0.03, 0.085 * group.scale))
            sheet.fill(shape, mix(rgb, (255, 250, 225), 0.22), below)
            if not group.subject and shape.lined:
                sheet.outline(shape, lead, 0.011, over=True)
        sheet.leave()
    return sheet.image()


def cover(groups: list[Group], size: Size) -> np.ndarray:
    """Return how much of each of (width, height) areas things cover: (height, width) uint8.

    What captions name of a place covers its area too, where the place's other parts do not hide it.
    """
    sheet = _Sheet(size, BLANK)
    for group in groups:
        if not (group.subject or any(shape.named for shape in group.shapes)):
            continue
        sheet.enter(replace(group, shadow=None))
        for shape in group.shapes:
            tone = WHITE if group.subject or shape.named else BLANK
            sheet.fill(shape, tone, tone)
        sheet.leave()
    return np.asarray(sheet.image())[:, :, 0]


class _Sheet:
    """A surface of skia whose canvas has the frame's coordinates: height 1."""

    def __init__(self, size: Size, rgb: RGB) -> None:
        self.size = size
        self.surface = skia.Surface(*size)
        self.canvas = self.surface.getCanvas()
        self.canvas.clear(skia.Color(*rgb))
        self.scale = 1.0  # of the entered group
        self.canvas.scale(size[1], size[1])

    def image(self) -> Image.Image:
        return Image.fromarray(
            np.ascontiguousarray(
                self.surface.toarray(colorType=skia.kRGBA_8888_ColorType)[:, :, :3]
            )
        )

    def enter(self, group: Group) -> None:
        if group.shadow:
            x, y, rx, ry = group.shadow
            blur = skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, ry * 0.5)
            paint = skia.Paint(AntiAlias=True, Color=skia.Color(24, 14, 48, 70), MaskFilter=blur)
            self.canvas.drawOval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry), paint)
        self.canvas.save()
        self.canvas.concat(group.matrix)
        self.scale = group.scale

    def leave(self) -> None:
        self.canvas.restore()

    def fill(self, shape: Shape, above: RGB, below: RGB) -> None:
        """Fill a shape from one colour to another, top to bottom; a stroke in the first one."""
        paint = _paint(above, shape.width)
        if above != below and shape.width is None:
            paint.setShader(_gradient(shape.path, above, below))
        self.canvas.drawPath(shape.path, paint)

    def outline(
        self, shape: Shape, rgb: RGB, width: float, *, over: bool = False, alpha: int = 255
    ) -> None:
        """Draw the edge of a shape; `width` in the frame's units. Without `over` it is doubled,
        as the fill that is drawn on it covers the inner half.
        """
        edge = width / self.scale * (1 if over else 2)
        if shape.width is not None:
            edge = shape.width + (0 if over else edge)
        paint = _paint(rgb, edge)
        paint.setAlpha(alpha)
        self.canvas.drawPath(shape.path, paint)

    def scribble(self, shape: Shape, rgb: RGB, width: float, rng: Random) -> None:
        """Draw a shape's edge twice, each time a little off."""
        for _ in range(2):
            shift = 0.004 / self.scale
            self.canvas.save()
            self.canvas.translate(rng.uniform(-shift, shift), rng.uniform(-shift, shift))
            paint = _paint(rgb, width / self.scale)
            paint.setAlpha(190)
            self.canvas.drawPath(shape.path, paint)
            self.canvas.restore()

    def hatch(self, shape: Shape, rgb: RGB, turn: float) -> None:
        """Draw slanting pencil lines over the lower right of a shape."""
        bounds = shape.path.getBounds()
        if min(bounds.width(), bounds.height()) * self.scale < 0.05:
            return
        self.canvas.save()
        self.canvas.clipPath(shape.path, doAntiAlias=True)
        paint = _paint(rgb, 0.005 / self.scale)
        paint.setAlpha(120)
        x, y = bounds.centerX(), bounds.centerY()
        reach = max(bounds.width(), bounds.height())
        self.canvas.rotate(-55 + turn, x, y)
        gap = 0.02 / self.scale
        for i in range(min(40, int(reach / 2 / gap))):
            level = y + reach * 0.08 + i * gap
            self.canvas.drawLine(x - reach, level, x + reach, level, paint)
        self.canvas.restore()

    def wash(self, shape: Shape, above: RGB, below: RGB, rng: Random, *, loose: bool) -> None:
        """Fill a shape with two thin coats that do not quite meet its edge."""
        paint = _paint(above, shape.width)
        if shape.width is None:
            paint.setShader(_gradient(shape.path, above, below, slant=rng.uniform(-0.6, 0.6)))
        self.canvas.drawPath(shape.path, paint)
        if loose and shape.width is None and shape.lined:
            self.canvas.save()
            self.canvas.translate(rng.uniform(-0.02, 0.02), rng.uniform(0.01, 0.03))
            paint.setAlpha(90)
            self.canvas.drawPath(shape.path, paint)
            self.canvas.restore()

    def blooms(self, rng: Random) -> None:
        """Draw soft patches where the water has carried the colour away."""
        wide = self.size[0] / self.size[1]
        for _ in range(4):
            paint = _paint(PAPER, None)
            paint.setAlpha(70)
            paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.03))
            x, y = rng.uniform(0, wide), rng.uniform(0, 1)
            self.canvas.drawPath(_blot(x, y, rng.uniform(0.06, 0.16), rng), paint)

    def margin(self, rng: Random) -> None:
        """Leave the paper bare along the edges, with a wavy border."""
        wide = self.size[0] / self.size[1]
        edge = [
            (x + rng.uniform(-0.012, 0.012), y + rng.uniform(-0.012, 0.012))
            for x, y in _around(wide, rng.uniform(0.025, 0.045))
        ]
        frame = rect(-0.1, -0.1, wide + 0.1, 1.1)
        self.canvas.drawPath(without(frame, curve(edge)), _paint(PAPER, None))
        self.canvas.drawPath(curve(edge), _stroked(INK, 0.004, 46))


def _around(wide: float, margin: float) -> list[Point]:
    """Return points along the edges of the frame, clockwise."""
    across, down = max(3, round(6 * wide)), 6
    right, low = wide - margin, 1 - margin
    return [
        *((margin + (right - margin) * i / across, margin) for i in range(across)),
        *((right, margin + (low - margin) * i / down) for i in range(down)),
        *((right - (right - margin) * i / across, low) for i in range(across)),
        *((margin, low - (low - margin) * i / down) for i in range(down)),
    ]


def _blot(x: float, y: float, radius: float, rng: Random) -> skia.Path:
    points = [
        (x + u * radius * rng.uniform(0.7, 1.3), y + v * radius * rng.uniform(0.5, 1.0))
        for u, v in ring(9)
    ]
    return curve(points)


def _stroked(rgb: RGB, width: float, alpha: int) -> skia.Paint:
    paint = _paint(rgb, width)
    paint.setAlpha(alpha)
    return paint


def _paint(rgb: RGB, width: float | None) -> skia.Paint:
    paint = skia.Paint(AntiAlias=True, Color=skia.Color(*rgb))
    if width is not None:
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(width)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
    return paint


def _gradient(path: skia.Path, above: RGB, below: RGB, *, slant: float = 0.25) -> skia.Shader:
    bounds = path.getBounds()
    x, half = bounds.centerX(), bounds.height() / 2
    y = bounds.centerY()
    ends = [(x - half * slant, y - half), (x + half * slant, y + half)]
    return skia.GradientShader.MakeLinear(ends, [skia.Color(*above), skia.Color(*below)])


def _cames(sheet: _Sheet, size: Size, lead: RGB, rng: Random) -> None:
    """Draw the lines of lead that hold the background together."""
    wide = size[0] / size[1]
    x, y = wide * rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.6)
    paint = _paint(lead, 0.011)
    first = rng.random()
    for i in range(8):
        turn = math.tau * (i + first + rng.uniform(-0.2, 0.2)) / 8
        sheet.canvas.drawLine(x, y, x + 2 * math.sin(turn), y + 2 * math.cos(turn), paint)


def _bright(rgb: RGB) -> RGB:
    """Return the colour with its lightness raised and its greys kept: light through glass."""
    top = max(rgb)
    if top == 0:
        return (60, 60, 70)
    lift = min(255 / top, 1.35)
    return tuple(min(255, round(value * lift + 6)) for value in rgb)


STYLES: dict[str, Callable[[list[Group], Size, Random], Image.Image]] = {
    function.__name__: function for function in (flat, sketch, neon, pixel, watercolour, glass)
}

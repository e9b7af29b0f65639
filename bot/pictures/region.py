"""Masks of parts of a picture: rectangles, or what was painted over in a loud colour.

A mask is an 8-bit grey PNG of the picture's size, white where to draw anew. Everything here blocks;
the callers run it in a thread.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from bot.errors import InvalidPicture, UserError
from bot.pictures import uploads
from engine import Sentence

Box = tuple[float, float, float, float]
"""A rectangle: left, top, width, height, in percent of the picture."""
_WHITE = 255
_SIDE_PX = 512
"""Of the pictures that are compared."""
_SEARCHED_PX = 128
_BLUR = 1.5
"""In px of the original, and of what is compared: JPEG keeps colours at half the resolution."""
_SHAPES_APART = 0.03
"""How far the ratios of the sides of a picture and its painted copy may be from each other."""
_LOUD = 40
"""How far a painted pixel is from what it was, of 255; what JPEG does lies below."""
_NOISE_TIMES = 5
"""So many times what most pixels are off by is noise, too."""
_LEAST_SHARE, _MOST_SHARE = 0.001, 0.95
"""Of the picture, that may be painted."""
_REST_OFF = 12
"""What most of the unpainted pixels of a copy are off by at the most; they tell another picture."""
_DOUBTFUL_SHARE = 0.3
"""From here on, it is asked whether one colour was painted, or the picture is another one."""
_LIKE_EACH_OTHER = 60
"""How far two pixels of one painted colour are apart, of 255."""
_ONE_COLOUR = 0.6
"""The share of what changed that has the colour most of it has."""


def mask_of(boxes: Sequence[Box], size: tuple[int, int]) -> bytes:
    """The mask of the boxes on a picture of (width, height) px.

    UserError where it is the whole picture.
    """
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    for x, y, width, height in boxes:
        left = min(round(x / 100 * size[0]), size[0] - 1)  # the last column has something, too
        top = min(round(y / 100 * size[1]), size[1] - 1)
        right = max(round((x + width) / 100 * size[0]), left + 1)
        bottom = max(round((y + height) / 100 * size[1]), top + 1)
        draw.rectangle((left, top, right - 1, bottom - 1), 255)
    if mask.getextrema()[0] == _WHITE:
        raise UserError(
            "This is the whole picture; name a part of it, or use Vary (Strong) for all of it."
        )
    return _png(mask)


def joined(masks: Sequence[bytes]) -> bytes:
    """One mask of several of one size; UserError where it is the whole picture."""
    first, *others = (Image.open(io.BytesIO(mask)).convert("L") for mask in masks)
    both = functools.reduce(ImageChops.lighter, others, first)
    if both.getextrema()[0] == _WHITE:
        raise _all_over()
    return _png(both)


def painted_mask(original: bytes, painted: bytes) -> bytes:
    """The mask of what a member painted over on a copy of `original`.

    The copy may be of another size and recompressed. What a painted line encloses is painted too.
    InvalidPicture where nothing or everything is painted, or the picture is another one.
    """
    with Image.open(io.BytesIO(original)) as opened:
        before = opened.convert("RGB")
    after = uploads.picture(painted)
    apart = abs(math.log(before.width / before.height * after.height / after.width))
    if apart > _SHAPES_APART + 2 / min(*before.size, *after.size):
        raise InvalidPicture(
            Sentence(
                "This picture has {width}×{height} pixels, another shape than the one to change, "
                "{own_width}×{own_height}. Paint on that one and upload it whole, not turned or "
                "cut.",
                width=after.width,
                height=after.height,
                own_width=before.width,
                own_height=before.height,
            )
        )
    alike = before if after.width >= before.width else before.resize(after.size)
    scale = _SIDE_PX / max(before.size)
    size = (max(round(before.width * scale), 1), max(round(before.height * scale), 1))
    blur = max(_BLUR * scale, _BLUR)
    changed = _changed(
        _compared(alike, size, blur), _compared(after, size, blur), 2 * max(round(scale), 1) + 1
    )
    wide = _enclosed(changed).filter(ImageFilter.MaxFilter(5))  # the soft rim of a line
    if wide.getextrema()[0] == _WHITE:
        raise _all_over()
    return _png(wide.resize(before.size, Image.Resampling.NEAREST))


def _compared(picture: Image.Image, size: tuple[int, int], blur: float) -> Image.Image:
    """In one size and a little blurred, so that how it was compressed counts less."""
    return picture.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.BoxBlur(blur))


def _changed(before: Image.Image, after: Image.Image, line_px: int) -> Image.Image:
    """White where a loud colour was painted, but for lines that are thinner than `line_px`."""
    off = _furthest(ImageChops.difference(before, after))
    loud = _above(off, _LOUD)
    share = _share(loud)
    if share > _DOUBTFUL_SHARE:
        if not _is_one_colour(after, loud):
            raise _another()
        if share > _MOST_SHARE:
            raise _all_over()
    [usual] = ImageStat.Stat(off, ImageChops.invert(loud)).median
    if usual > _REST_OFF:
        raise _another()
    loud = _above(off, max(_LOUD, _NOISE_TIMES * usual))
    kept = loud.filter(ImageFilter.MinFilter(line_px)).filter(ImageFilter.MaxFilter(line_px))
    if _share(kept) < _LEAST_SHARE:
        raise InvalidPicture(
            "Nothing is painted on this picture. Paint over the part to draw anew in a loud "
            "colour that the picture has not, and upload it."
        )
    return kept


def _is_one_colour(picture: Image.Image, mask: Image.Image) -> bool:
    """Whether most of the picture within the mask has nearly one colour."""
    usual = tuple(round(channel) for channel in ImageStat.Stat(picture, mask).median)
    off = _furthest(ImageChops.difference(picture, Image.new("RGB", picture.size, usual)))
    near = ImageChops.darker(ImageChops.invert(_above(off, _LIKE_EACH_OTHER)), mask)
    return _share(near) >= _ONE_COLOUR * _share(mask)


def _furthest(difference: Image.Image) -> Image.Image:
    """The largest of the three channels."""
    red, green, blue = difference.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _above(grey: Image.Image, level: float) -> Image.Image:
    """White where it is lighter than the level."""
    return grey.point([_WHITE if value > level else 0 for value in range(256)])


def _share(mask: Image.Image) -> float:
    """Of the picture, that is white."""
    return mask.histogram()[_WHITE] / (mask.width * mask.height)


def _enclosed(mask: Image.Image) -> Image.Image:
    """The mask with what it encloses. That is looked for in a small copy: it is a slow search."""
    scale = max(max(mask.size) / _SEARCHED_PX, 1)
    size = (max(round(mask.width / scale), 1), max(round(mask.height / scale), 1))
    small = _above(mask.resize(size, Image.Resampling.BOX), 0)
    outside = Image.new("L", (size[0] + 2, size[1] + 2))
    outside.paste(small, (1, 1))
    ImageDraw.floodfill(outside, (0, 0), _WHITE)
    holes = ImageChops.invert(outside).crop((1, 1, size[0] + 1, size[1] + 1))
    return ImageChops.lighter(mask, holes.resize(mask.size, Image.Resampling.NEAREST))


def _another() -> InvalidPicture:
    return InvalidPicture(
        "This is another picture than the one to change. Save that one, paint over the part to "
        "draw anew in a loud colour, and upload it."
    )


def _all_over() -> InvalidPicture:
    return InvalidPicture(
        "The whole picture is painted over; leave the part that is to stay, or use Vary (Strong)."
    )


def _png(mask: Image.Image) -> bytes:
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    return buffer.getvalue()

"""One file for each kind of job: request → engine job, how the result is shown, what may follow."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.jobs.kinds.blend import Blend, weights_of
from bot.jobs.kinds.describe import DESCRIBED, Describe
from bot.jobs.kinds.draw import DRAWN
from bot.jobs.kinds.imagine import Imagine
from bot.jobs.kinds.kind import (
    Context,
    Kind,
    LinkingRequest,
    PictureRequest,
    Request,
    Said,
    Suggestions,
    Written,
)
from bot.jobs.kinds.making_of import FILMED, MakingOf
from bot.jobs.kinds.morph import CROSSED, MORPHED, Morph
from bot.jobs.kinds.pan import Pan
from bot.jobs.kinds.region import Region
from bot.jobs.kinds.remix import Remix
from bot.jobs.kinds.reroll import Reroll
from bot.jobs.kinds.shorten import SHORTENED, Shorten
from bot.jobs.kinds.source import Source
from bot.jobs.kinds.upscale import UPSCALED, Upscale, Way, refuse_too_large
from bot.jobs.kinds.vary import STRONG, SUBTLE, Variation, Vary
from bot.jobs.kinds.zoom import Zoom

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        Imagine.kind: DRAWN,
        Vary.kind: DRAWN,
        Blend.kind: DRAWN,
        Zoom.kind: DRAWN,
        Pan.kind: DRAWN,
        Region.kind: DRAWN,
        "reroll": DRAWN,  # of databases from before 🔄 kept the kind of its job
        "morph": MORPHED,
        "cross": CROSSED,
        MakingOf.kind: FILMED,
        Upscale.kind: UPSCALED,
        Describe.kind: DESCRIBED,
        Shorten.kind: SHORTENED,
    }
)
"""By the name in the job table."""

__all__ = [
    "KINDS",
    "STRONG",
    "SUBTLE",
    "Blend",
    "Context",
    "Describe",
    "Imagine",
    "Kind",
    "LinkingRequest",
    "MakingOf",
    "Morph",
    "Pan",
    "PictureRequest",
    "Region",
    "Remix",
    "Request",
    "Reroll",
    "Said",
    "Shorten",
    "Source",
    "Suggestions",
    "Upscale",
    "Variation",
    "Vary",
    "Way",
    "Written",
    "Zoom",
    "refuse_too_large",
    "weights_of",
]

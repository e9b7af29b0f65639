"""What a picture's file says about its making: written into those made here, read from any.

PNG: the texts "parameters", in Automatic1111's form, and "Darkroom", a versioned JSON; WebP and
JPEG: the same in EXIF's UserComment and in XMP. All of them have XMP with IPTC's DigitalSourceType
"trainedAlgorithmicMedia", by which the world tells pictures that a model made. Nothing in it names
who made a picture or where.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape, unescape

from PIL import Image, PngImagePlugin

import engine
from bot.pictures import a1111, comfyui, containers
from bot.pictures.making import (
    MAX_WORDS,
    Making,
    Program,
    decimal,
    plain,
    scrubbed,
    scrubbed_value,
    whole,
    words_of,
)

VERSION = 1
"""Of the JSON."""
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_NAMESPACE = "urn:darkroom:making:1"
_TOLD = (
    *("strength", "image_scale", "enlarge", "stop", "tile", "loras"),
    *("chaos", "weird", "experiment"),
)
"""Fields of a `DrawJob` that are told beside those that a `Making` has."""
_MAX_XMP_BYTES = 60_000
"""A JPEG holds 65,502 in one segment."""
_JSON = re.compile(r"<darkroom:making>([^<]*)</darkroom:making>")
_USER_COMMENT, _EXIF = 0x9286, 0x8769
_ENTITIES = {"&quot;": '"', "&apos;": "'"}


def of(
    job: engine.Job,
    picture: engine.Picture,
    *,
    position: int | None,
    prompt: str = "",
    canonical: str = "",
    parameters: Mapping[str, Any] | None = None,
    private: bool = False,
) -> Making:
    """The making of one picture of a job, without what leads to a person or a place.

    prompt: the member's text; parameters: `prompt.resolved` of it; private: nothing of what was
    asked for is told.
    """
    bare = Making(
        program=Program.DARKROOM,
        job_id=job.id,
        picture=position,
        width_px=picture.width_px,
        height_px=picture.height_px,
    )
    if private:
        return bare
    typed = replace(
        bare,
        prompt=scrubbed(prompt),
        canonical=scrubbed(canonical),
        parameters={name: scrubbed_value(value) for name, value in (parameters or {}).items()},
    )
    if not isinstance(job, engine.DrawJob):
        return typed
    drawn = {name: scrubbed_value(getattr(job, name)) for name in _TOLD}
    drawn["style_codes"] = [[each.code, each.weight] for each in job.style_codes]
    if not job.inputs:
        del drawn["strength"], drawn["image_scale"], drawn["enlarge"]
    return replace(
        typed,
        words=scrubbed(" ".join(part.text for part in job.prompt)),
        negative=scrubbed(job.negative),
        model=job.model,
        seed=picture.seed,
        steps=job.steps,
        guidance=job.guidance,
        scheduler=job.scheduler,
        parameters={**typed.parameters, **{f"drawn_{name}": drawn[name] for name in drawn}},
    )


def of_several(pictures: Sequence[bytes]) -> Making | None:
    """The making of a grid, from that of its stored pictures: the first one's seed."""
    making = read(pictures[0])
    if making is None or len(pictures) == 1:
        return making
    return replace(making, picture=None)


def sign(png: bytes, making: Making) -> bytes:
    """The same picture with its making inside the file; pixels are untouched."""
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        buffer = io.BytesIO()
        image.save(buffer, "PNG", **options(making, "PNG"))
    return buffer.getvalue()


def options(making: Making | None, kind: str) -> dict[str, Any]:
    """What Pillow's `save` takes to write the making into a "PNG", "WEBP" or "JPEG".

    None: only that a model made it. A PNG of what was drawn is as small where deflate looks for
    repetitions of one byte only, in half the time or less (docs/benchmarks.md).
    """
    xmp = _xmp(making)
    if kind != "PNG":
        return {"xmp": xmp, **({"exif": _exif(a1111.text(making))} if making else {})}
    text = PngImagePlugin.PngInfo()
    if making is not None:
        text.add_itxt(containers.PARAMETERS, a1111.text(making))
        text.add_itxt(containers.DARKROOM, _as_json(making))
    text.add_text("Software", "Darkroom")
    text.add_itxt(containers.XMP, xmp.decode())
    return {"pnginfo": text, "compress_level": 1, "compress_type": zlib.Z_RLE}


def read(data: bytes) -> Making | None:
    """What the file claims of its making; None where it says nothing that is understood.

    Any bytes may be given; little is read of them, and no pixel is decoded. Nobody vouches for it:
    whether a picture was made here, only its pixels tell (`jobs.provenance`).
    """
    found = containers.texts(data)
    told = found.by_keyword
    ours = _from_json(told.get(containers.DARKROOM, "")) or _from_xmp(found.xmp)
    if ours is not None:
        return ours
    for written in (told.get(containers.PARAMETERS, ""), found.comment):
        if written and (making := a1111.read(written)) is not None:
            return making
    return comfyui.read(told.get(containers.PROMPT, ""), told.get(containers.WORKFLOW, ""))


# The JSON.

_WORDS = ("prompt", "negative", "model", "scheduler", "job_id", "canonical", "words")
_WHOLE = ("seed", "steps", "width_px", "height_px", "picture")


def _as_json(making: Making) -> str:
    names = (*_WORDS, *_WHOLE, "guidance", "parameters")
    told = {name: getattr(making, name) for name in names}
    fields = {name: value for name, value in told.items() if value not in (None, "", {})}
    return json.dumps(
        {"version": VERSION, "program": making.program, **fields},
        ensure_ascii=False,
        sort_keys=True,
    )


def _from_json(written: str) -> Making | None:
    """None where it is not ours, damaged, or of a version that is not known here."""
    try:
        told = json.loads(written) if written else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    if told.get("version") != VERSION or told.get("program") != Program.DARKROOM:
        return None
    fields: dict[str, Any] = {name: words_of(told.get(name)) for name in _WORDS}
    fields |= {name: whole(told.get(name)) for name in _WHOLE}
    return Making(
        program=Program.DARKROOM,
        guidance=decimal(told.get("guidance")),
        parameters=plain(told.get("parameters")),
        **fields,
    )


# XMP. It is searched, never parsed as XML: no entity of a file is expanded.


def _xmp(making: Making | None) -> bytes:
    """The packet, short enough for every kind of file: the longest texts are left out first."""
    if making is not None:
        shorter = replace(making, canonical="", words="", parameters={})
        for told in (making, shorter, replace(shorter, prompt="", negative="")):
            packet = _packet(_as_json(told))
            if len(packet) <= _MAX_XMP_BYTES:
                return packet
    return _packet("")


def _packet(told: str) -> bytes:
    ours = f"<darkroom:making>{escape(told)}</darkroom:making>" if told else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' xmlns:darkroom="{_NAMESPACE}">'
        "<xmp:CreatorTool>Darkroom</xmp:CreatorTool>"
        f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>"
        f"{ours}</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    ).encode()


def _from_xmp(xmp: str) -> Making | None:
    found = _JSON.search(xmp)
    return _from_json(unescape(found[1], _ENTITIES)) if found else None


def _exif(parameters: str) -> bytes:
    """EXIF with the text in UserComment, in the code that Automatic1111 uses."""
    exif = Image.Exif()
    comment = b"UNICODE\0" + parameters[:MAX_WORDS].encode("utf-16-be", "replace")
    exif.get_ifd(_EXIF)[_USER_COMMENT] = comment
    return exif.tobytes()

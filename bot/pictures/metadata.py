"""What a made picture says about its making, inside its file.

The PNG text chunk "parameters" has the form that other programs of the field read and write.
"""

from __future__ import annotations

import io

from PIL import Image, PngImagePlugin

import engine


def sign(png: bytes, parameters: str) -> bytes:
    """The same picture with its parameters inside the file; pixels are untouched."""
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        text = PngImagePlugin.PngInfo()
        text.add_itxt("parameters", parameters)
        text.add_text("Software", "Darkroom")
        buffer = io.BytesIO()
        image.save(buffer, "PNG", pnginfo=text, compress_level=4)
    return buffer.getvalue()


def parameters(job: engine.Job, picture: engine.Picture, *, prompt: str) -> str:
    """How the picture was made. prompt: the member's text, for jobs that carry none."""
    size = f"Size: {picture.width_px}x{picture.height_px}"
    if not isinstance(job, engine.DrawJob):
        return f"{prompt}\n{size}, Job: {job.id}".lstrip()
    lines = [" ".join(part.text for part in job.prompt)]
    if job.negative:
        lines.append(f"Negative prompt: {job.negative}")
    lines.append(
        f"Steps: {job.steps}, Sampler: {job.scheduler or 'default'}, CFG scale: {job.guidance:g}, "
        f"Seed: {picture.seed}, {size}, Model: {job.model}, Job: {job.id}"
    )
    return "\n".join(lines)

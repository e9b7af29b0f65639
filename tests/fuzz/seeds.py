"""What fuzzing begins with, for each target."""

from __future__ import annotations

import io
import json

from PIL import Image, PngImagePlugin

PROMPTS = (
    "https://a.example/1.png a red cat::2 fog::-.5 --ar 3:2 --no dogs, hats --s 250 --seed 7",
    "a {red, blue {dark, light}} cat\\, sleeping \\{ --chaos {5, 10} --mine --r 4",
    "[words](<https://a.example/1.png>) “quoted” — dash 猫、犬 \u202e\u200d👩\u200d🚀 ––ar 16：9",
    "a cat --sref <https://a.example/1.png>::2 random 5 --sw 50 --lora ink:0.8 --sampler euler",
)
JOB = "a2" * 8
CUSTOM_IDS = (
    f"job:{JOB}:u:1", f"job:{JOB}:r", f"ask:{JOB}:y", f"batch:{JOB}:x", f"apl:{JOB}:y", "fav:-1:l",
    "stm:18446744073709551615:999999999999999999", "lin:audit:1:-1", "lin:queue::0", "plan:1:y",
    "sure:0123456789abcdef:y", "set:remix:on", "set:variation:low", "rul:0:y", "exa:1",
)  # fmt: skip
CATALOGUE = """
[tiny]
path = "weights"
family = "sd"
title = "Tiny"
licence = "MIT"
size_px = 64
steps = 4
guidance = 5.0
languages = ["en"]
"""
A1111 = (
    "a red cat\nNegative prompt: dogs\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, "
    'Size: 64x64, Model hash: abc, Model: x, Lora hashes: "a: 1, b: 2", Version: v1.9'
)
COMFYUI = json.dumps(
    {
        "1": {
            "class_type": "KSampler",
            "inputs": {
                "seed": 5,
                "steps": 20,
                "cfg": 7.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "model": ["2", 0],
                "positive": ["3", 0],
                "negative": ["3", 0],
                "latent_image": ["4", 0],
            },
        },
        "2": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["2", 1]}},
        "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64}},
    }
)


def _written(kind: str, image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _pictures() -> tuple[bytes, ...]:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", A1111)
    texts.add_itxt("prompt", COMFYUI, zip=True)
    texts.add_text("Darkroom", '{"version": 1, "prompt": "x"}', zip=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + A1111.encode("utf-16-be")
    small = Image.new("RGB", (24, 20), "red")
    frames = [small, Image.new("RGB", (24, 20), "blue")]
    return (
        _written("PNG", small, pnginfo=texts),
        _written("PNG", small.convert("P"), transparency=0),
        _written("PNG", Image.new("I;16", (20, 20))),
        _written("JPEG", small, exif=exif, progressive=True, icc_profile=b"x" * 200),
        _written("WEBP", small, exif=exif, lossless=True, xmp=b"<x/>"),
        _written("GIF", frames[0], save_all=True, append_images=frames[1:]),
        _written("WEBP", frames[0], save_all=True, append_images=frames[1:]),
    )


PICTURES = _pictures()
SEEDS: dict[str, tuple[bytes, ...]] = {
    "prompt": tuple(each.encode() for each in PROMPTS),
    "custom_id": tuple(each.encode() for each in CUSTOM_IDS),
    "picture": PICTURES,
    "made_by": (*PICTURES, A1111.encode(), f"{COMFYUI}\0{COMFYUI}".encode()),
    "catalogue": (CATALOGUE.encode(),),
}

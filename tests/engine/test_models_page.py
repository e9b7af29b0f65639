"""Writes docs/models.md: what each family can do, tried on a tiny random copy of it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import (
    Engine,
    Failed,
    Finished,
    InitUse,
    InputPicture,
    Look,
    LoraSpec,
    StyleCode,
    WeightedText,
    load_catalogue,
)
from engine.families import FAMILIES
from tests.engine import tiny_models

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "models.md"
DRAWING = {name: family for name, family in FAMILIES.items() if family.draws}
INTRODUCTION = """# What each model family can do

Every cell was tried by the tests on a small randomly initialised copy of the family: ✓, or the
sentence that a member gets. LoRAs and, for pictures as prompts, an IP-Adapter were named in the
catalogue where a family takes them. `tests/engine/test_models_page.py` writes this page.

"""
FILES = """
## What the files may be

- A family takes the three pipelines of its name, `FluxPipeline`, `FluxImg2ImgPipeline` and
  `FluxInpaintPipeline`, say, SD and SDXL also with the nine channels of an inpainting checkpoint.
  What asks more of its denoiser or lacks an encoder (`FluxFillPipeline`, `FluxKontextPipeline`, an
  SDXL refiner, LCM's own denoiser) is refused with a sentence that names the family `pipeline`,
  which runs it by itself. SD 3 may come without its T5.
- Weights are safetensors: a directory in diffusers' layout or, with `config` beside it, one file
  as communities share them (tested for SD and SDXL). The denoiser may be a GGUF, for every family.
- A LoRA is one `.safetensors` file in diffusers' names or its trainer's. Its header is read first:
  what was made for another model is refused with the layer and both widths, and so are LoKr, LoHa,
  DoRA and control LoRAs, which a shared pass cannot keep apart. Weights are rounded to 0.05.
- An IP-Adapter is plain, plus or full, for SD and SDXL; those of SD 3 and Flux and those that look
  for faces are refused with a sentence.

## What makes a model quicker, and what it costs

All of it is off where an entry of `models.toml` says nothing, but compiled blocks on a card, TF32
for what stays in float32 there (`DTYPE=fp32` switches that off), and the memory order.

| keys | for | pictures |
|---|---|---|
| `compiled`, `autotune`, `cuda_graphs` ([`h200.md`](h200.md)) | all | the same but for rounding |
| `memory_order` | what convolves | the same but for rounding |
| `fused_qkv` | sd, sdxl without LoRAs | the same but for rounding |
| `try_convolutions` | cards | the same but for rounding |
| `deep_every` | sd, sdxl | others, see below |
| `quantise = "int8"`, `"fp8"` | all, without LoRAs | nearly the same, see below |
| `few_steps` with `few_steps_lora` | sd, sdxl | others: those of the LoRA |

Figures of `.venv/bin/darkroom engine bench choices` with the Doodle that came along until
2026-11-27 (128 × 128 px): sixteen pictures of its own 20 steps drawn
together, on a CPU with one torch thread, of 2026-11-26. Time is the process's own on a busy
machine, and uncertain by a tenth: another run gave `fused_qkv` 1.04 and `int8` 0.99. The difference
is the mean over all pixels. How far a few-step LoRA is from its checkpoint was not measured: no
such LoRA of Doodle exists.

| choice | time ÷ full | mean difference, of 255 |
|---|---|---|
| `deep_every = 2` | 0.65 | 1.35 |
| `deep_every = 3` | 0.54 | 3.69 |
| `deep_every = 5` | 0.52 | 10.28 |
| `fused_qkv = true` | 0.89 | 0.00 |
| `quantise = "int8"` | 0.88 | 0.15 |
| `quantise = "fp8"` | 1.17 | 0.57 |
| 10 steps | 0.56 | 1.34 |
| 6 steps | 0.31 | 4.79 |
| another prompt's picture | 1.00 | 84.80 |

So on Doodle, a UNet of three levels of which the outermost are a large part, half the steps are
about as near as every second step deep, and cheaper. In SDXL the outermost blocks are a smaller
part of the work. A larger model is to be measured before `deep_every` is chosen for it: the command
takes the catalogue's largest installed model. 8 bits save memory; of time, nothing that could be
told from noise.
"""


def plain(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return InputPicture(data=buffer.getvalue())


def white():
    buffer = io.BytesIO()
    Image.new("L", (64, 64), 255).save(buffer, "PNG")
    return buffer.getvalue()


def part(text, weight=1.0):
    return WeightedText(text=text, weight=weight)


OPERATIONS = {
    "text": ("text to image", {}),
    "image": ("image to image", {"inputs": (plain("teal"),), "strength": 0.6}),
    "mask": ("inpaint, outpaint", {"inputs": (plain("teal"),), "mask": white()}),
    "mix": (
        "mix of pictures",
        {"inputs": (plain("teal"), plain("gold")), "init_use": InitUse.MIX},
    ),
    "image_prompt": (
        "pictures as prompts",
        {"inputs": (plain("teal"),), "init_use": InitUse.PROMPT},
    ),
    "weights": ("weighted parts", {"prompt": (part("a cat", 2.0), part("the sea", 1.0))}),
    "negative": ("what to leave out", {"negative": "a dog"}),
    "long": ("prompt beyond 77 tokens", {"prompt": "a very red cat at the sea " * 15}),
    "stop": ("early stop", {"stop": 0.5}),
    "tile": ("seamless tile", {"tile": True}),
    "lora": ("LoRA", {"loras": (("ink", 0.8),)}),
    "vary": (
        "chaos, weird, style codes, a style of any strength",
        {
            "chaos": 0.5,
            "weird": 0.5,
            "experiment": 0.5,
            "style_codes": (StyleCode(code=7),),
            "looks": (Look(prompt=(part("a cat, neon", 1.0),), weight=1.5),),
        },
    ),
    "style": ("pictures whose style is followed", {"style_inputs": (plain("red"),)}),
}


@pytest.fixture(scope="module")
def lora_of(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loras-of-families")

    def spec(family):
        if "lora" not in FAMILIES[family].operations:
            return ()
        path = folder / f"{family}.safetensors"
        tiny_models.save_lora(path, tiny_models.BUILDERS[family]())
        return (LoraSpec(name="ink", path=path),)

    return spec


async def cell(engine, job):
    """✓, or what a member reads."""
    try:
        end = [event async for event in engine.run(job)][-1]
    except ValueError as error:
        return str(error)
    if isinstance(end, Failed):
        return end.reason
    assert isinstance(end, Finished)
    with Image.open(io.BytesIO(end.pictures[0].png)) as picture:
        assert np.asarray(picture).std() > 0
    return " ".join(end.notes) or "✓"


@pytest.fixture(scope="module")
def adapter_of(tmp_path_factory, weights):
    folder = tmp_path_factory.mktemp("adapters-of-families")

    def fields(family):
        if not FAMILIES[family].image_prompted:
            return {}
        path = folder / f"{family}.safetensors"
        tiny_models.save_ip_adapter(path, tiny_models.BUILDERS[family]().unet)
        return {"ip_adapter": path, "image_encoder": weights("vision")}

    return fields


async def column(spec, draw):
    family = spec.info.name
    engine = Engine([spec], device="cpu")
    await engine.start()
    try:
        cells = {}
        for operation, (_, fields) in OPERATIONS.items():
            sentence = await cell(engine, draw(family, **fields))
            cells[operation] = sentence.replace(f"Tiny {family}", "This model")
        return cells
    finally:
        await engine.close()


async def test_the_page_of_families_and_operations_is_what_was_tried(
    weights, draw, lora_of, adapter_of
):
    columns = {}
    for family in DRAWING:
        files = {"loras": lora_of(family), **adapter_of(family)}
        columns[family] = await column(tiny_models.spec(family, weights(family), **files), draw)
    lines = [
        "| | " + " | ".join(family.title for family in DRAWING.values()) + " |",
        "|---" * (len(DRAWING) + 1) + "|",
        *(
            f"| {title} | " + " | ".join(columns[f][operation] for f in DRAWING) + " |"
            for operation, (title, _) in OPERATIONS.items()
        ),
    ]
    page = INTRODUCTION + "\n".join(lines) + "\n" + FILES
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if before != page:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page, encoding="utf-8")
    assert before == page, "docs/models.md was out of date and has been written anew; commit it."

    for family, cells in columns.items():
        works = {operation for operation, sentence in cells.items() if sentence == "✓"}
        row = FAMILIES[family]
        able = row.operations | ({"image_prompt"} if row.image_prompted else set())
        assert able <= works
        # One pipeline of diffusers may take more than every pipeline does.
        assert not row.shares_passes or works - {"stop", "long", "style"} <= able
        assert ("style" in works) is row.image_prompted


def test_the_shipped_catalogue_claims_no_more_than_its_families_can():
    for spec in load_catalogue(ROOT / "models.toml"):
        assert spec.info.operations <= spec.family.operations

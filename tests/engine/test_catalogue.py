from __future__ import annotations

from pathlib import Path

import pytest

from engine import CatalogueError, load_catalogue

ROOT = Path(__file__).parents[2]
ENTRY = '[m]\npath = "w"\nfamily = "sd"\n'


def write(tmp_path, text):
    path = tmp_path / "models.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_catalogue_offers_doodle_first_and_names_its_licence():
    specs = load_catalogue(ROOT / "models.toml")

    assert specs[0].info.name == "doodle"
    assert specs[0].place == ROOT / "doodle" / "weights"
    assert all(spec.info.licence for spec in specs)
    assert all(spec.hub_id for spec in specs if not spec.info.name.startswith("doodle"))


def test_paths_are_relative_to_the_file_and_missing_files_are_not_installed(tmp_path):
    (spec,) = load_catalogue(write(tmp_path, ENTRY))
    assert spec.place == (tmp_path / "w").resolve()
    assert not spec.info.installed

    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "model_index.json").write_text("{}")
    (spec,) = load_catalogue(tmp_path / "models.toml")
    assert spec.info.installed


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[m", "cannot be read"),
        ('x = 1\n[m]\npath = "w"\nfamily = "sd"', "outside of any"),
        ('[m]\nfamily = "sd"', r"\[m\], path: is missing"),
        ('[m]\npath = "w"', r"\[m\], family: None is none of sd"),
        ('[m]\npath = "w"\nfamily = "dalle"', r"family: 'dalle' is none of"),
        ('[m]\npath = "w.ckpt"\nfamily = "sd"', "pickle"),
        (ENTRY + "steps = 0", "steps: must be a whole number of at least 1, not 0"),
        (ENTRY + 'steps = "many"', "steps: must be a whole number"),
        (ENTRY + "guidance = nan", "guidance: must be a number"),
        (ENTRY + "gated = 1", "gated: must be true or false"),
        (ENTRY + "aliases = 5", "aliases: must be a list"),
        (ENTRY + 'scheduler = "magic"', "scheduler: 'magic' is none of euler"),
        (ENTRY + 'compiled = "fast"', "compiled: 'fast' is none of blocks, whole"),
        (ENTRY + 'ip_adapter = "a.safetensors"', "ip_adapter: needs image_encoder"),
        (ENTRY + 'image_encoder = "e"', "ip_adapter: needs image_encoder"),
        (ENTRY + 'ip_adapter = "a.bin"\nimage_encoder = "e"', "can run code"),
        (
            '[m]\npath = "w"\nfamily = "flux"\nip_adapter = "a.safetensors"\nimage_encoder = "e"',
            "ip_adapter: is for the families sd and sdxl",
        ),
        ('[m]\npath = "w.safetensors"\nfamily = "sd"', "config: is missing"),
        (ENTRY + 'denoiser = "d.safetensors"', "is no .gguf"),
        (
            '[m]\npath = "w.safetensors"\nfamily = "sd"\nconfig = "c"\ndenoiser = "d.gguf"',
            "needs a directory",
        ),
        ('[m]\npath = "w"\nfamily = "pipeline"\ndenoiser = "d.gguf"', "that shares passes"),
        (ENTRY + 'denoiser = "d.gguf"\nquantise = "4bit"', "quantised already"),
        (ENTRY + 'offload = true\ncompiled = "whole"', "cannot be streamed"),
        (ENTRY + "colour = 5", "colour: is not known"),
        (ENTRY + 'aliases = ["A"]\n[a]\npath = "v"\nfamily = "sd"', "'a' is taken by"),
        ('[m]\npath = "w"\nfamily = "clip"', "no model that draws"),
    ],
)
def test_a_wrong_catalogue_is_one_sentence_naming_file_entry_and_field(tmp_path, text, sentence):
    with pytest.raises(CatalogueError, match=sentence) as raised:
        load_catalogue(write(tmp_path, text))
    assert str(tmp_path / "models.toml") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_ip_adapter_lets_pictures_be_prompts(tmp_path):
    named = ENTRY + 'ip_adapter = "a.safetensors"\nimage_encoder = "e"'
    (spec,) = load_catalogue(write(tmp_path, named))
    assert "image_prompt" in spec.info.operations
    assert spec.ip_adapter == (tmp_path / "a.safetensors").resolve()
    (spec,) = load_catalogue(write(tmp_path, ENTRY))
    assert "image_prompt" not in spec.info.operations


def test_a_missing_catalogue_is_one_sentence(tmp_path):
    with pytest.raises(CatalogueError, match="does not exist; set MODELS"):
        load_catalogue(tmp_path / "none.toml")

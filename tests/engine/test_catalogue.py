from __future__ import annotations

from pathlib import Path

import pytest

from engine import CatalogueError, Preset, Vocabulary, load_catalogue

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


def test_how_tiles_and_zooms_are_drawn_is_of_the_entry(tmp_path):
    file = tmp_path / "models.toml"
    for text, tile_from, strength in (
        (ENTRY, 0.0, 1.0),
        (ENTRY + "tile_from = 0.5\noutpaint_strength = 0.7", 0.5, 0.7),
    ):
        file.write_text(text)
        (spec,) = load_catalogue(file)
        assert (spec.tile_from, spec.info.outpaint_strength) == (tile_from, strength)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[m", "cannot be read"),
        ('x = 1\n[m]\npath = "w"\nfamily = "sd"', "outside of any"),
        ('[m]\nfamily = "sd"', r"\[m\], path: is missing"),
        ('[m]\npath = "w"', r"\[m\], family: is missing; choose one of sd"),
        ('[m]\npath = "w"\nfamily = "dalle"', r"family: 'dalle' is none of"),
        ('[m]\npath = "w.ckpt"\nfamily = "sd"', "pickle"),
        (ENTRY + "steps = 0", "steps: must be a whole number of at least 1, not 0"),
        (ENTRY + 'steps = "many"', "steps: must be a whole number"),
        (ENTRY + "guidance = nan", "guidance: must be a number"),
        (ENTRY + "gated = 1", "gated: must be true or false"),
        (ENTRY + "aliases = 5", "aliases: must be a list"),
        (ENTRY + 'scheduler = "magic"', "scheduler: 'magic' is none of euler"),
        (ENTRY + 'compiled = "fast"', "compiled: 'fast' is none of off, blocks, whole"),
        (ENTRY + "deep_every = 0", "deep_every: must be a whole number of at least 1, not 0"),
        (ENTRY + 'deep_every = 2\ncompiled = "whole"', "deep_every: cannot be combined"),
        (ENTRY.replace('"sd"', '"flux"') + "deep_every = 2", "for the families sd and sdxl"),
        (ENTRY.replace('"sd"', '"flux"') + "fused_qkv = true", "fused_qkv: is for the families sd"),
        (ENTRY + 'fused_qkv = true\nloras = {a = "a.safetensors"}', "combined with loras"),
        (ENTRY + "tile_from = 2", "tile_from: must be a number from 0 to 1, not 2"),
        (ENTRY.replace('"sd"', '"flux"') + "tile_from = 0.5", "for the families sd and sdxl"),
        (ENTRY + "try_convolutions = 1", "try_convolutions: must be true or false, not 1"),
        (ENTRY + 'few_steps = "fast"', "few_steps: 'fast' is none of lcm, lightning, hyper"),
        (ENTRY + 'few_steps = "lcm"', "few_steps: needs few_steps_lora beside it"),
        (ENTRY + 'few_steps = "lcm"\nfew_steps_lora = "a.pt"', "others can run code"),
        (
            ENTRY + 'few_steps = "lcm"\nfew_steps_lora = "a.safetensors"\nquantise = "4bit"',
            "few_steps: cannot be combined with quantise",
        ),
        (
            ENTRY.replace('"sd"', '"flux"') + 'few_steps = "lcm"\nfew_steps_lora = "a.safetensors"',
            "few_steps: is for the families sd and sdxl",
        ),
        (ENTRY + 'quantise = "int8"\noffload = true', "quantise: 'int8' cannot be combined"),
        (
            ENTRY.replace('"sd"', '"pipeline"') + 'quantise = "fp8"',
            "quantise: 'fp8' needs a family that shares passes",
        ),
        (ENTRY + 'memory_order = "x"', "memory_order: 'x' is none of plain, channels_last"),
        (ENTRY + 'autotune = true\ncompiled = "off"', "autotune: is for compiled code"),
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
        (ENTRY + "styles = 5", "styles: must be a table of name"),
        (ENTRY + "styles = { film = 5 }", r"styles\.film: must be a table, not 5"),
        (ENTRY + "styles.film.suffix = 5", r"styles\.film\.suffix: must be text, not 5"),
        (
            ENTRY + "styles.film.sufix = 'x'",
            r"styles\.film\.sufix: is not known; did you mean suffix",
        ),
        (
            ENTRY + "styles.film.steps = 0",
            r"styles\.film\.steps: must be a whole",
        ),
        (ENTRY + "styles.'a b' = {}", "styles: 'a b' is no one word"),
        (ENTRY + "styles.RAW = {}", "styles: 'RAW' is taken"),
        (ENTRY + "styles.a = {}\nstyles.A = {}", "styles: 'a' is taken"),
        (ENTRY + "draft = 'fast'", "draft: must be a table, not 'fast'"),
        (ENTRY + "draft.guidance = -1.0", r"draft\.guidance: must be a number of at least 0"),
        (ENTRY + "draft.scheduler = 'magic'", r"draft\.scheduler: 'magic' is none of euler"),
        (ENTRY + "draft.scheduler = 'flow-euler'", r"draft\.scheduler: 'flow-euler' does not suit"),
        (ENTRY + "draft.loras.fast = 1.0", r"draft\.loras: 'fast' is no LoRA of this entry"),
        (ENTRY + "style_code_words = ['x']", "style_code_words: must be a list of lists of texts"),
        (ENTRY + "stepps = 5", r"stepps: is not known; did you mean steps\? There are aliases, "),
        (
            ENTRY + "width_px = 64",
            r"width_px: is not known; did you mean .*_px\? There are aliases, ",
        ),
        (ENTRY + "source = 'here'", "source: is not known"),
        (ENTRY + "title = 5", "title: must be text, not 5"),
        (ENTRY + "languages = ['en', 5]", r"languages: must be a list of ISO codes .* \['en', 5\]"),
        (ENTRY + "languages = ['English']", r"languages: must be a list of ISO codes such as"),
        (ENTRY + "languages = ['en', 'jp']", "languages: 'jp' is no ISO code of a language"),
        (ENTRY + "languages = []", r"languages: must be a list of ISO codes such as"),
        (ENTRY + "loras = {ink = 5}", "loras: must be a table of name = path, not {'ink': 5}"),
        (ENTRY + "may_sell = 'yes'", "may_sell: must be true or false, not 'yes'"),
        (ENTRY + "steps = true", "steps: must be a whole number of at least 1, not True"),
        (ENTRY + "steps = 5.0", "steps: must be a whole number of at least 1, not 5.0"),
        (ENTRY + "guidance = true", "guidance: must be a number of at least 0, not True"),
        (ENTRY + "price_factor = -1", "price_factor: must be a number of at least 0, not -1"),
        (ENTRY + "vram_gb = inf", "vram_gb: must be a number of at least 0, not inf"),
        (ENTRY + "safety_threshold = 2", "safety_threshold: must be a number from 0 to 1, not 2"),
        (ENTRY + "size_px = 7", "size_px: must be a whole number of at least 8, not 7"),
        (ENTRY + "min_side_px = 7", "min_side_px: must be a whole number of at least 8, not 7"),
        (
            ENTRY + "max_side_px = 500",
            "max_side_px: must be a whole number of at least 512, not 500",
        ),
        (ENTRY + "max_pixels = 9", "max_pixels: must be a whole number of at least 262144, not 9"),
        (ENTRY + "dtype = 5", "dtype: 5 is none of auto, float32"),
        ('[m]\npath = 5\nfamily = "sd"', "path: must be text, not 5"),
        (ENTRY + 'aliases = ["A"]\n[a]\npath = "v"\nfamily = "sd"', "'a' is taken by"),
        ('[m]\npath = "w"\nfamily = "clip"', "no model that draws"),
    ],
)
def test_a_wrong_catalogue_is_one_sentence_naming_file_entry_and_field(tmp_path, text, sentence):
    with pytest.raises(CatalogueError, match=sentence) as raised:
        load_catalogue(write(tmp_path, text))
    assert str(tmp_path / "models.toml") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_named_styles_and_the_draft_are_read_as_they_are_written(tmp_path):
    text = (
        ENTRY
        + """
loras = { fast = "fast.safetensors" }
style_code_words = [["oil", "ink"], [], ["blue"]]
[m.styles.film]
suffix = "35mm"
negative = "drawing"
[m.draft]
steps = 6
guidance = 1.5
scheduler = "lcm"
loras = { fast = 0.9 }
"""
    )
    (spec,) = load_catalogue(write(tmp_path, text))
    assert spec.info.styles == (Preset(name="film", suffix="35mm", negative="drawing"),)
    assert spec.info.draft == Preset(
        name="draft", steps=6, guidance=1.5, scheduler="lcm", loras=(("fast", 0.9),)
    )
    assert spec.info.code_words == (("oil", "ink"), ("blue",))
    assert "euler" in spec.info.schedulers
    assert "flow-euler" not in spec.info.schedulers
    (plain,) = load_catalogue(write(tmp_path, ENTRY))
    assert (plain.info.styles, plain.info.draft, plain.info.code_words) == ((), None, ())


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


def test_every_key_that_an_unknown_one_is_answered_with_is_a_true_key(tmp_path):
    with pytest.raises(CatalogueError, match="did you mean hub_file") as raised:
        load_catalogue(write(tmp_path, ENTRY + "hub_fiel = 5"))
    for key in str(raised.value).removesuffix(".").partition("there are ")[2].split(", "):
        with pytest.raises(CatalogueError) as refused:
            load_catalogue(write(tmp_path, f"[m]\n{key} = 1979-05-27"))
        assert "is not known" not in str(refused.value)


def test_what_an_entry_leaves_open_follows_from_its_size_and_family(tmp_path):
    (spec,) = load_catalogue(write(tmp_path, ENTRY))
    info = spec.info
    assert (info.title, info.width_px, info.height_px, info.size_step_px) == ("m", 512, 512, 64)
    assert (info.min_side_px, info.max_side_px, info.max_pixels) == (256, 1024, 2 * 512 * 512)
    assert info.operations == spec.family.operations
    (spec,) = load_catalogue(write(tmp_path, ENTRY + 'size_px = 128\noperations = ["text"]'))
    assert (spec.info.size_step_px, spec.info.operations) == (16, {"text"})


@pytest.mark.parametrize(
    ("lines", "threshold"),
    [
        ("", None),
        ('safety_checker = "checker"\n', 0.5),
        ('safety_checker = "checker"\nsafety_threshold = 0.8\n', 0.8),
    ],
)
def test_only_a_model_with_a_checker_has_a_threshold(tmp_path, lines, threshold):
    file = tmp_path / "models.toml"
    file.write_text(ENTRY + lines)
    [spec] = load_catalogue(file)
    assert spec.info.safety_threshold == threshold


def test_the_shipped_model_declares_its_languages_and_its_words():
    doodle, *others = (spec.info for spec in load_catalogue(ROOT / "models.toml") if spec.draws)
    assert doodle.languages == ("en", "ja")
    assert doodle.vocabulary is not None
    assert dict(doodle.vocabulary.draws)["ja"][:2] == ("猫", "犬")
    assert {"cat", "kitten", "at night", "masterpiece"} <= doodle.vocabulary.knows
    assert all(other.vocabulary is None and "en" in other.languages for other in others)


def test_a_vocabulary_that_comes_with_the_weights_may_be_missing_until_they_are_there(tmp_path):
    named = write(tmp_path, ENTRY + 'vocabulary = "w/words.json"')
    (spec,) = load_catalogue(named)
    assert spec.info.vocabulary is None

    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "model_index.json").write_text("{}")
    with pytest.raises(CatalogueError, match=r"\[m\], vocabulary: .*words.json cannot be read"):
        load_catalogue(named)

    (tmp_path / "w" / "words.json").write_text('{"draws": {"en": ["cat"]}, "knows": ["kitten"]}')
    (spec,) = load_catalogue(named)
    assert spec.info.vocabulary == Vocabulary(
        draws=(("en", ("cat",)),), knows=frozenset({"cat", "kitten"})
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"draws": {}}',
        '{"draws": {"en": []}}',
        '{"draws": {"en": [5]}}',
        '{"draws": {"en": ["cat"]}, "words": []}',
        '{"knows": ["cat"]}',
        "\x00\x01",
    ],
)
def test_a_damaged_vocabulary_is_one_sentence_naming_file_entry_and_field(tmp_path, text):
    (tmp_path / "words.json").write_text(text)
    with pytest.raises(CatalogueError, match=r"\[m\], vocabulary: .*is no vocabulary") as raised:
        load_catalogue(write(tmp_path, ENTRY + 'vocabulary = "words.json"'))
    assert "\n" not in str(raised.value)


PAIR = ENTRY + 'inpaint = "n"\n[n]\npath = "v"\nfamily = "sd"\n'


def test_an_inpainting_entry_draws_for_another_one_and_is_chosen_by_no_prompt(tmp_path):
    first, second = load_catalogue(write(tmp_path, PAIR))
    assert first.info.inpaint == "n"
    assert "text" in first.info.operations
    assert "mask" in second.info.operations
    assert not second.info.operations & {"text", "image", "mix"}


@pytest.mark.parametrize("name", ["m", "x", "up"])
def test_an_inpainting_entry_is_another_one_that_draws_within_a_mask(tmp_path, name):
    text = ENTRY + f'inpaint = "{name}"\n[up]\npath = "v"\nfamily = "swin2sr"\n'
    with pytest.raises(CatalogueError, match=rf"\[m\], inpaint: '{name}' is no other entry"):
        load_catalogue(write(tmp_path, text))


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("lcm", "", ("lcm", 4, 1.0)),
        ("lightning", "", ("euler", 4, 1.0)),
        ("hyper", "steps = 8", ("ddim", 8, 1.0)),
        ("lcm", 'steps = 6\nguidance = 1.5\nscheduler = "tcd"', ("tcd", 6, 1.5)),
    ],
)
def test_a_lora_for_few_steps_brings_what_it_was_trained_with(tmp_path, kind, said, expected):
    few = f'few_steps = "{kind}"\nfew_steps_lora = "few.safetensors"\n'
    (spec,) = load_catalogue(write(tmp_path, ENTRY + few + said))
    info = spec.info
    assert (info.scheduler, info.steps, info.guidance) == expected
    assert spec.few_steps_lora == tmp_path / "few.safetensors"

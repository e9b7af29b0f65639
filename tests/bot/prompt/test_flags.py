"""One table of parameters, and what is made from it."""

import ast
import dataclasses
from pathlib import Path

import pytest

from bot.credits import plans
from bot.errors import PromptError
from bot.pictures import comfyui
from bot.prompt import flags, grammar, values
from bot.prompt.flags import BY_NAME, FLAGS, Parameters
from bot.ui.commands import help_, plan
from engine import Sentence

ROOT = Path(__file__).parents[3]


def test_every_row_has_a_field_and_every_field_a_row():
    fields = [field.name for field in dataclasses.fields(Parameters)]
    assert sorted(fields) == sorted([*(flag.name for flag in FLAGS), "given"])


def test_no_name_stands_for_two_parameters():
    names = [name for flag in FLAGS for name in (flag.name, *flag.aliases)]
    assert len(names) == len(set(names)) == len(BY_NAME)
    assert all(name == name.lower() and name.isalpha() for name in names)


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_a_default_is_one_of_the_parameters_values(flag):
    assert flag.holds(flag.default)


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_an_example_is_read_as_a_value_that_differs_from_the_default(flag):
    read = grammar.parse(f"cat {flag.usage}").parameters
    value = getattr(read, flag.name)
    assert value != flag.default
    assert flag.holds(value)


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_each_says_what_it_does_in_one_sentence(flag):
    assert isinstance(flag.does, Sentence)
    assert flag.does.endswith(".")
    assert flag.does.count(".") == 1


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_what_may_stand_without_a_value_or_twice_is_as_the_row_says(flag):
    once = f"--{flag.name} {flag.example}"
    for text, allowed in (
        (f"cat --{flag.name}", flag.bare or flag.form is None),
        (f"cat {once} --{flag.name} ONE-MORE", flag.repeated),
        (f"cat {once} {flag.example or 'words'}", flag.many_words and flag.name != "sampler"),
    ):
        if allowed:
            assert grammar.parse(text).parameters.given == (flag.name,)
        else:
            with pytest.raises(PromptError):
                grammar.parse(text)


@pytest.mark.parametrize(
    ("form", "inside", "outside"),
    [
        (values.Whole(2, 40), [2, 40], [1, 41, 3.0, True, "3", None]),
        (values.Number(0, 3), [0, 3.0, 1.5], [-0.1, 3.1, float("nan"), True, "1"]),
        (values.NumberOf((0.5, 1.0)), [0.5, 1], [0.6, True, "1", None]),
        (values.WordOf(("low", "high")), ["low"], ["LOW", "", None, 1]),
        (values.Aspect(), [(3, 2), (14, 1)], [(15, 1), (0, 1), (1, -1), (1,), [3, 2], "3:2"]),
        (values.Word(), ["x"], ["", None, 1]),
        (
            values.References(codes=True),
            [(), ("0", "random", "4294967295::2", "https://a.example/1.png::.5")],
            [
                "7",
                ("",),
                (1,),
                ["7"],
                ("x",),
                ("4294967296",),
                ("7::0",),
                ("7::x",),
                ("1",) * 9,
                ("https://a.example/1.png",) * 5,
            ],
        ),
        (
            values.References(most=1),
            [("https://a.example/1.png",)],
            [("7",), ("random",), ("ftp://a",), ("https://a.example/1.png",) * 2],
        ),
        (values.Sampler(), ["euler-a", "dpm++2m-karras"], ["Euler a", "", None]),
        (values.Items(), [("a b",), ()], ["a b", ("",), (1,), ["x"]]),
        (
            values.Loras(),
            [(), (("a", 1), ("b", -4.0)), tuple((name, 1.0) for name in "abcd")],
            [
                "a",
                ("a",),
                (("a", 4.1),),
                (("a", float("nan")),),
                (("", 1.0),),
                (("a", 1.0), ("A", 2.0)),
                (("a", "1"),),
                tuple((name, 1.0) for name in "abcde"),
            ],
        ),
    ],
)
def test_a_form_holds_its_values_and_no_others(form, inside, outside):
    assert all(form.holds(value) for value in inside)
    assert not any(form.holds(value) for value in outside)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Euler a", "euler-a"),
        ("euler_ancestral", "euler-a"),
        ("DPM++ 2M Karras", "dpm++2m-karras"),
        ("dpmpp_2m_sde", "dpm++2m-sde"),
        ("PLMS", "pndm"),
        ("uni_pc", "unipc"),
        ("ＤＤＩＭ", "ddim"),
    ],
)
def test_samplers_have_the_names_that_members_bring_along(typed, name):
    assert grammar.parse(f"cat --sampler {typed} --seed 7").parameters.sampler == name


def test_there_is_no_second_list_of_parameters():
    named = {name for name in BY_NAME if len(name) > 1}
    for file in (ROOT / "bot").rglob("*.py"):
        # ComfyUI's own names, and what a plan includes.
        if file in {Path(m.__file__) for m in (flags, comfyui, plan, plans)}:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                    pass
                case ast.Dict(keys=items):
                    pass
                case _:
                    continue
            listed = {item.value for item in items if isinstance(item, ast.Constant)}
            assert len(listed & named) < 3, f"{file}:{node.lineno} lists parameters again"


def test_help_tells_what_acts_in_full_and_names_what_is_only_understood():
    lines = help_.text("en").splitlines()
    [understood] = [line for line in lines if "without effect here so far" in line]
    for flag in FLAGS:
        assert (f"`{flag.usage}` {flag.does}" in lines) is flag.acts
        assert (f"`--{flag.name}`" in understood) is not flag.acts


@pytest.mark.parametrize("locale", ["en", "ja"])
def test_help_fits_into_an_embed(locale):
    assert len(help_.text(locale)) <= 4096


@pytest.mark.simcord(shard_count=1)
async def test_help_is_shown_to_who_asks_alone(channel, alice):
    result = await alice.slash(channel, "help")
    assert result.ephemeral
    assert result.response.embeds[1].description == help_.text("en")


def test_what_members_read_is_written_as_templates():
    templates = []
    for file in (ROOT / "bot" / "prompt").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Sentence"), args=[text]):
                    assert isinstance(text, ast.Constant), f"{file}:{node.lineno}"
                    templates.append(text.value)
                case ast.Call(func=ast.Name(id="PromptError" | "NotFound"), args=[text, *_]):
                    by_name = isinstance(text, ast.Name) and text.id == "sentence"
                    written = isinstance(text, ast.Call) and text.func.id == "Sentence"
                    assert by_name or written, f"{file}:{node.lineno}"
    assert len(templates) > len(FLAGS)

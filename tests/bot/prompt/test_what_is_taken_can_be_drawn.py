"""Whatever the grammar and the brief take, the engine takes too."""

import dataclasses
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

import engine
from bot.errors import PromptError
from bot.prompt import brief, grammar
from bot.prompt.flags import FLAGS
from engine import validation

MODELS = {
    spec.info.name: spec
    for spec in engine.load_catalogue(Path(__file__).parents[3] / "models.toml")
    if spec.draws
}
STYLE = engine.Preset(name="NAME", prefix="old", suffix="film")
NUMBERS = st.one_of(st.floats(-3, 3), st.sampled_from([1, -0.9995, 1e6, -1e6, 1e-9, 0]))
PARTS = st.lists(NUMBERS, min_size=1, max_size=45)
TYPED = st.lists(
    st.sampled_from([flag for flag in FLAGS if flag.name not in {"version", "lora"}]),
    unique_by=lambda flag: flag.name,
)
VALUES = {
    "stylize": ["0", "100", "250", "1000"],
    "sw": ["0", "40", "1000"],
    "sref": ["1 2 3 4 5 6 7 8", "random::.000001 7::100"],
    "steps": ["1", "150"],
    "ar": ["14:1", "1:14", "101:100"],
    "iw": ["0", "3"],
    "no": ["fog"],
}


@st.composite
def orders(draw):
    words = " ".join(f"word::{number:.9f}" for number in draw(PARTS))
    typed = [
        f"--{flag.name} {draw(st.sampled_from(VALUES.get(flag.name, [flag.example])))}"
        for flag in draw(TYPED)
    ]
    return " ".join((words, *typed))


@given(orders(), st.sampled_from(sorted(MODELS)), st.integers(0, 2))
def test_every_prompt_that_is_taken_makes_a_job_that_the_engine_takes(text, name, pictures):
    spec = MODELS[name]
    model = dataclasses.replace(spec.info, styles=(STYLE,), prompt_prefix="best")
    try:
        prompt = grammar.parse(text, beside=pictures)
        links = brief.reference_links(prompt, model)
        job = brief.write(
            prompt,
            model,
            job_id="j",
            owner="o",
            seed=5,
            inputs=(b"x",) * pictures,
            references=(b"y",) * len(links),
        ).job
    except PromptError:
        assume(False)
    validation.check(job, MODELS)


def test_the_limits_of_parts_and_weights_are_the_engines():
    assert grammar.MAX_PARTS + 1 == validation.MAX_PARTS
    assert grammar.MAX_SHARE == validation.MAX_WEIGHT
    most = " ".join(["word::1"] * grammar.MAX_PARTS)
    prompt = grammar.parse(f"{most} --style NAME --s 250 --sref 5 --sw 50 --no fog")
    assert len(prompt.parts) == grammar.MAX_PARTS

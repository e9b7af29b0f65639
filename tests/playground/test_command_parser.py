from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.command_parser import ParsedCommand, parse
from playground.refusal import Refused
from playground.upload import Upload

COMMANDS = [
    {"name": "imagine", "options": [{"name": "prompt", "type": 3, "required": True}]},
    {"name": "info", "options": []},
    {"name": "describe", "options": [{"name": "image", "type": 11, "required": True}]},
    {
        "name": "blend",
        "options": [
            {"name": "image1", "type": 11},
            {
                "name": "dimensions",
                "type": 3,
                "choices": [{"name": "Portrait", "value": "2:3"}],
            },
            {"name": "count", "type": 4},
            {"name": "weight", "type": 10},
            {"name": "quiet", "type": 5},
        ],
    },
    {
        "name": "credits",
        "options": [
            {
                "name": "grant",
                "type": 1,
                "options": [
                    {"name": "member", "type": 6},
                    {"name": "amount", "type": 4},
                ],
            }
        ],
    },
]


@pytest.mark.parametrize(
    ("line", "command", "options"),
    [
        ("/imagine prompt: a red cat", "imagine", {"prompt": "a red cat"}),
        ("/imagine prompt:a red cat --ar 3:2", "imagine", {"prompt": "a red cat --ar 3:2"}),
        ("/imagine a red cat", "imagine", {"prompt": "a red cat"}),
        (
            "/imagine prompt: noon: a clock, prompt: x",
            "imagine",
            {"prompt": "noon: a clock, prompt: x"},
        ),
        ("/imagine prompt:", "imagine", {"prompt": ""}),
        ("/info", "info", {}),
        ("/blend dimensions: Portrait count: 3", "blend", {"dimensions": "2:3", "count": 3}),
        ("/blend quiet: yes weight: 1.5", "blend", {"quiet": True, "weight": 1.5}),
        ("/credits  grant amount: 5 member: @dora", "credits grant", {"amount": 5, "member": "11"}),
    ],
)
def test_line_becomes_command_and_options(line, command, options):
    def find(text):
        return 11 if text == "@dora" else None

    assert parse(line, COMMANDS, find=find) == ParsedCommand(command=command, options=options)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("imagine", "starts with a slash"),
        ("/", "starts with a slash"),
        ("/imagin x", r"no command /imagin; did you mean /imagine\? There are: /blend"),
        ("/credit grant 5", r"did you mean /credits grant\? There are"),
        ("/zzz", "no command /zzz; there are: /blend"),
        ("/credits", "/credits grant"),
        ("/info please", "does not understand 'please'"),
        ("/imagine", 'needs its prompt, for instance "/imagine prompt: …"'),
        ("/describe", "needs a file as its image"),
        ("/blend some words", "its options are image1:"),
        ("/blend count: many", "count: cannot be 'many'"),
        ("/blend quiet: perhaps", "quiet: cannot be"),
        ("/blend image1: cat.png", "attach a file"),
        ("/credits grant member: @nobody", "member: cannot be"),
    ],
)
def test_line_that_means_nothing_is_refused_in_a_sentence(line, says):
    with pytest.raises(Refused, match=says):
        parse(line, COMMANDS)


def test_attachment_goes_to_its_option():
    cat = Upload(filename="cat.png", data=b"")
    assert parse("/blend", COMMANDS, files={"image1": cat}).options == {"image1": cat}
    with pytest.raises(Refused, match="called 'image9'; its files are called image1"):
        parse("/blend", COMMANDS, files={"image9": cat})
    with pytest.raises(Refused, match="called 'image1'; it takes no files"):
        parse("/imagine prompt: a cat", COMMANDS, files={"image1": cat})


@given(st.text())
def test_any_prompt_arrives_as_typed(prompt):
    line = f"/imagine prompt: {prompt}"
    assert parse(line, COMMANDS).options == {"prompt": prompt.strip()}

"""Every text of the engine that a member can read is a `Sentence`, whose template is a literal."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import engine
from engine import Sentence, sentence_of
from engine.errors import BrokenModelError, JobError, NotFiniteError

ENGINE = Path(engine.__file__).parent
MEMBERS_ERRORS = ("JobError", "BrokenModelError", "NotFiniteError")
"""Errors that end a job, with the sentence that a member reads."""
REFUSING = ("validation.py", "engine.py", "fake.py")
"""Files whose `ValueError` is a refusal that a member reads."""
REMADE = {("errors.py", "sentence_of"), ("models/loading.py", "_without_folders")} | {
    ("fake.py", "fail_next")
}
"""Where a sentence is made from another one, or from what a test scripts."""


def findings(source: str, file: str = "sample.py", *, refuses: bool = True) -> list[str]:
    """Places in a source where a member would read a text that is no `Sentence`."""
    tree = ast.parse(source)
    found = []
    for function in ast.walk(tree):
        for child in ast.iter_child_nodes(function):
            child.inside = function
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = _name(node.func)
        if name == "Sentence":
            if not _is_literal(node) and (file, _function_of(node)) not in REMADE:
                found.append(f"{file}:{node.lineno}: the template is no literal")
        elif name in MEMBERS_ERRORS or (name == "ValueError" and refuses):
            found += [
                f"{file}:{node.lineno}: {name} with a text that is no Sentence"
                for argument in node.args
                if _is_text(argument)
            ]
        elif name in {"append", "Failed", "Finished", "Conditioning", "Inputs"}:
            found += [
                f"{file}:{node.lineno}: {name} with a text that is no Sentence"
                for argument in _said(node, name)
                if any(map(_is_text, _items(argument)))
            ]
    return found


def _name(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def _function_of(node: ast.AST) -> str:
    while node is not None and not isinstance(node, ast.FunctionDef):
        node = getattr(node, "inside", None)
    return node.name if node is not None else ""


def _is_literal(call: ast.Call) -> bool:
    return isinstance(call.args[0], ast.Constant)


def _is_text(node: ast.expr) -> bool:
    """Whether an expression makes a plain text: a literal, an f-string, `%`, `+` or `.format`."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(op=ast.Mod() | ast.Add()):
            return _is_text(node.left) or _is_text(node.right)
        case ast.Call(func=ast.Attribute(attr="format" | "join")):
            return True
        case ast.Call(func=ast.Name(id="str")):
            return True
        case ast.IfExp():
            return _is_text(node.body) or _is_text(node.orelse)
        case _:
            return False


def _items(node: ast.expr) -> list[ast.expr]:
    return list(node.elts) if isinstance(node, ast.Tuple | ast.List) else [node]


def _said(call: ast.Call, name: str) -> list[ast.expr]:
    """What a call puts where a member reads."""
    if name == "append":
        notes = isinstance(call.func, ast.Attribute) and _name(call.func.value) == "notes"
        return call.args if notes else []
    return [each.value for each in call.keywords if each.arg in {"reason", "notes"}]


@pytest.mark.parametrize(
    "source",
    [
        'raise JobError(f"No {name}.")',
        'raise JobError("No name.")',
        'raise BrokenModelError("No %s." % name)',
        'raise ValueError("No " + name + ".")',
        'raise ValueError("No {}.".format(name))',
        "raise ValueError(str(error))",
        'raise JobError("This." if one else Sentence("That."))',
        'event = Failed(job_id="1", reason=f"No {name}.")',
        'event = Finished(job_id="1", notes=(f"No {name}.",))',
        'notes.append("No name.")',
        'work.notes.append(f"No {name}.")',
        'raise JobError(Sentence(f"No {name}."))',
        'raise JobError(Sentence("No " + name))',
    ],
)
def test_a_plain_text_for_a_member_is_found(source):
    assert len(findings(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        'raise JobError(Sentence("No {name}.", name=name))',
        'raise EngineError(f"No {name}.")',
        "raise BrokenModelError(sentence) from error",
        'notes.append(Sentence("No name."))',
        'names.append("name")',
    ],
)
def test_a_sentence_and_what_only_operators_read_are_let_pass(source):
    assert findings(source) == []


def test_members_read_sentences_only():
    found = []
    for path in sorted(ENGINE.rglob("*.py")):
        file = path.relative_to(ENGINE).as_posix()
        found += findings(path.read_text("utf-8"), file, refuses=file in REFUSING)
    assert found == []


def test_the_sentence_of_an_error_remembers_how_it_was_made():
    said = Sentence("No {name}.", name="cat")
    for error in (JobError(said), BrokenModelError(said), ValueError(said)):
        assert sentence_of(error) is said
    assert sentence_of(NotFiniteError()).template.endswith("(NaN); {advice}.")
    assert sentence_of(RuntimeError("It broke.")) == "It broke."
    assert sentence_of(RuntimeError()).template == ""


async def test_what_ends_a_job_and_each_note_is_a_sentence(engine_of, draw):
    engine = await engine_of("sd", "flux")
    with pytest.raises(ValueError, match="There is no model 'xl'") as raised:
        engine.run(draw("xl"))
    assert sentence_of(raised.value).values == {"name": "xl", "known": "sd, flux"}
    job = draw(mask=b"no picture", inputs=(engine_input(),))
    failed = [event async for event in engine.run(job)][-1]
    assert isinstance(failed.reason, Sentence) and failed.reason.values == {"bytes": 10}
    finished = [event async for event in engine.run(draw("flux", negative="a dog"))][-1]
    assert [type(note) for note in finished.notes] == [Sentence]


def engine_input():
    from engine import InputPicture
    from tests.engine.samples import photo, png

    return InputPicture(data=png(photo()))

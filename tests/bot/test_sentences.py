"""Every text that a member reads is a `Sentence` or a constant, so that it can be translated."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from bot import errors

ROOT = Path(errors.__file__).parent
REFUSALS = {
    name
    for name, item in vars(errors).items()
    if inspect.isclass(item) and issubclass(item, errors.UserError)
}
SENDING = {"send", "send_message", "edit", "edit_message", "edit_original_response", "add_field"}
SHOWN = {"content", "name", "value", "title", "description"}


def called(node):
    return getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def composed(node):
    """Whether a text is put together in code, so that no catalogue can have it."""
    match node:
        case ast.JoinedStr():
            return True
        case ast.BinOp(op=ast.Add() | ast.Mod()):
            return True
        case ast.Call(func=ast.Attribute(attr="format" | "join")):
            return True
        case ast.IfExp():
            return composed(node.body) or composed(node.orelse)
    return False


def spoken(node):
    """Whether a text has words of its own, beside what is put into it."""
    pieces = [piece for piece in ast.walk(node) if isinstance(piece, ast.Constant)]
    return any(
        isinstance(piece.value, str) and re.search(r"[A-Za-z]{2}", piece.value) for piece in pieces
    )


def unspeakable(source):
    """Lines at which a member would be told something that cannot be translated."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        if (name in REFUSALS or name == "Sentence") and node.args:
            if composed(node.args[0]):
                found.append(node.lineno)
        elif name in SENDING:
            given = [*node.args[:1], *(k.value for k in node.keywords if k.arg in SHOWN)]
            found += [
                text.lineno
                for text in given
                if isinstance(text, (ast.JoinedStr, ast.Constant, ast.BinOp)) and spoken(text)
            ]
    return found


LABELS = {"label", "placeholder", "title", "description", "menu"}
"""Keywords whose texts Discord shows as they are."""
NAMED = {"Choice", "SelectOption", "ContextMenu"}
"""What shows its name too."""
SAME_EVERYWHERE = {"Darkroom"}


def unlabelled(source):
    """Lines with a command, choice, button, menu or form whose text is a plain one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call | ast.ClassDef):
            continue
        name = called(node) if isinstance(node, ast.Call) else ""
        found += [
            keyword.value.lineno
            for keyword in node.keywords
            if keyword.arg in LABELS
            or name == "describe"
            or (keyword.arg == "name" and name in NAMED)
            if isinstance(keyword.value, ast.Constant | ast.JoinedStr | ast.BinOp)
            if getattr(keyword.value, "value", "") not in SAME_EVERYWHERE
            if re.search(r"[A-Za-z]{2}", re.sub(r"{\w+}", "", "".join(texts(keyword.value))))
        ]
    return found


def texts(node):
    constants = [piece.value for piece in ast.walk(node) if isinstance(piece, ast.Constant)]
    return [text for text in constants if isinstance(text, str)]


@pytest.mark.parametrize(
    "file", sorted((ROOT / "ui").rglob("*.py")), ids=lambda f: str(f.relative_to(ROOT))
)
def test_what_discord_shows_of_commands_and_buttons_can_be_translated(file):
    assert unlabelled(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('@command(description="Draws.")\ndef imagine(): ...', True),
        ('describe(prompt="What to draw.")', True),
        ('Choice(name="strong", value="strong")', True),
        ('Button(label=f"Page {number}")', True),
        ('class Form(Modal, title="Remix"): ...', True),
        ('class Models(Group, name="model", description="The models."): ...', True),
        ('@command(name="help", description=Sentence("What it can do."))\ndef h(): ...', False),
        ('Action(name="show", label="U{number}")', False),
        ("Choice(name=model.title, value=model.name)", False),
        ('Embed(title="Darkroom")', False),
    ],
)
def test_the_scan_finds_plain_texts_of_commands_and_buttons(source, found):
    assert bool(unlabelled(source)) is found


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda f: str(f.relative_to(ROOT)))
def test_members_are_told_only_what_can_be_translated(file):
    assert unspeakable(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        'raise NotFound(f"There is no picture {number}.")',
        'raise PromptError("No " + word, token=word, start=0)',
        'notes.append(Sentence(f"{model} cannot."))',
        'raise NotAllowed("You have {}.".format(n))',
        'await interaction.response.send_message(f"Hello {name}", ephemeral=True)',
        'await message.edit(content="All done.")',
        'embed.add_field(name="Credits", value=said)',
    ],
)
def test_the_scan_finds_what_it_is_for(source):
    assert unspeakable(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        'raise NotFound("There is no picture.")',
        'raise NotFound(Sentence("There is no picture {number}.", number=number))',
        'raise StartError(f"{name} is wrong.")',
        'await message.edit(content=f"{words} - {said}")',
        "embed.add_field(name=say(title), value=say(text))",
    ],
)
def test_the_scan_lets_pass_what_can_be_translated(source):
    assert unspeakable(source) == []

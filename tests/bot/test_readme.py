"""The READMEs' table of parameters, in each language."""

import pytest

from bot import readme
from bot.prompt.flags import FLAGS


def test_the_table_has_every_parameter_and_tells_what_acts():
    acting, understood = readme.table("en").split("without effect here so far")
    for flag in FLAGS:
        here, there = (acting, understood) if flag.acts else (understood, acting)
        assert f"`--{flag.name}" in here
        assert f"`--{flag.name}" not in there
        assert f"| {flag.does} |" in here
        assert flag.lacks is None or f"| {flag.lacks} |" in here
        assert all(f"`--{alias}`" in here for alias in flag.aliases)
    assert "| `--ar 3:2`, `--aspect` | 1:14–14:1 (1:1) |" in acting
    assert "| `--quality .5`, `--q` | .25, .5, 1, 2, 4 (1) |" in acting
    assert "| `--motion low` | low, high |" in understood


def test_the_table_is_the_same_in_every_language_but_for_its_words():
    def code(table):
        return [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]

    english, japanese = readme.table("en"), readme.table("ja")
    assert code(english) == code(japanese)
    assert "| `--tile` |  | 継ぎ目なく並べられる画像にします" in japanese
    assert "| 重み±4 |" in japanese


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        readme.BEGIN,
        f"{readme.END} {readme.BEGIN}",
        f"{readme.BEGIN} {readme.END} {readme.BEGIN} {readme.END}",
    ],
)
def test_a_file_without_the_two_marks_is_refused(text):
    with pytest.raises(ValueError, match="flags: begin"):
        readme.put_into(text, "en")


@pytest.fixture
def root(tmp_path):
    for name in readme.READMES:
        text = f"above\n{readme.BEGIN}\nold\n{readme.END}\nbelow\n"
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_command_writes_the_table_in_place(root):
    for _ in range(2):
        readme.main([], root)
        for name, locale in readme.READMES.items():
            written = (root / name).read_text(encoding="utf-8")
            table = readme.table(locale)
            assert written == f"above\n{readme.BEGIN}\n\n{table}\n\n{readme.END}\nbelow\n"


def test_a_file_that_cannot_be_written_is_one_sentence(root, capsys):
    (root / "README.md").write_text("no marks", encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        readme.main([], root)
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith(f"{root / 'README.md'} cannot be written: ")
    assert (root / "README.md").read_text(encoding="utf-8") == "no marks"

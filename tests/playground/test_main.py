import pytest

from playground.__main__ import main


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--out", "docs"), "'docs' names no picture; give a file in .jpg, .png, .webp"),
        (("--out", "walk.txt"), "'walk.txt' names no picture"),
        (("--timeout", "0"), "'0' is no time"),
    ],
)
def test_a_walk_that_could_not_be_kept_is_refused_before_it_is_recorded(capsys, typed, said):
    with pytest.raises(SystemExit) as stopped:
        main(["record-walk", *typed])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err

"""What the bot asks for when it is invited is what it checks, and what the README says."""

import re
from pathlib import Path

from bot.ui.replies import NEEDED, PERMISSIONS

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


def test_the_readmes_invite_link_asks_for_what_is_checked():
    assert re.findall(r"permissions=(\d+)", README) == [str(PERMISSIONS.value)]


def test_the_readme_names_each_permission():
    said = README[README.index("The permissions in it:") :].split("The intents are")[0]
    wanted = {name.replace("_", " ") for name in NEEDED}
    assert all(name in said.lower().replace("\n", " ") for name in wanted), wanted

"""Writes the second part of docs/faults.md: what fails around the real bot, and what is seen."""

import os

import pytest

from tests import faults_page
from tests.chaos import postgres
from tests.chaos.stories import STORIES, tell


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.fault)
async def test_the_page_tells_what_came_of_it(story, tmp_path):
    if story.own_disk and os.getuid() != 0:
        pytest.skip("Only root may mount a disk: the row on the page was not looked at.")
    if story.postgresql and postgres.programs() is None:
        pytest.skip("There is no PostgreSQL here: the row on the page was not looked at.")
    row = f"| {story.fault} | {(await tell(story, tmp_path)).cells()} |"
    as_found = faults_page.written(lambda first, second: (first, with_row(second, story, row)))
    assert as_found, "This row of docs/faults.md was stale; it is written anew now."


def with_row(table, story, row):
    """The table with this row, in its place among the stories."""
    head = [line for line in table.splitlines() if fault_of(line) is None]
    rows = {fault_of(line): line for line in table.splitlines()} | {story.fault: row}
    return "\n".join((*head, *(rows[each.fault] for each in STORIES if each.fault in rows), ""))


def fault_of(line):
    """None: it is no row."""
    first = line.removeprefix("| ").partition(" | ")[0]
    is_row = line.startswith("| ") and first != "What goes wrong"
    return first if is_row else None


def test_the_page_has_a_row_for_each_story():
    table = faults_page.PAGE.read_text(encoding="utf-8").partition(faults_page.AROUND)[2]
    assert list(filter(None, map(fault_of, table.splitlines()))) == [s.fault for s in STORIES]

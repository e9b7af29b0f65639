"""`python -m bot.bench shorten`: what it plants, what it makes of the weights."""

import itertools

from bot.bench import shorten
from bot.jobs.kinds.kind import Said
from bot.jobs.records import TextRow


def test_sixty_words_of_random_letters_are_planted_in_forty_prompts():
    asked = shorten.prompts()
    planted = list(itertools.chain(*(each.planted for each in asked)))
    assert (len(asked), len(planted), len({*planted})) == (40, 60, 60)
    for each in asked:
        assert {*each.planted, *each.meant} <= {*each.text.split()}
        assert all(4 <= len(word) <= 10 for word in each.planted)


def said(weights, unknown=()):
    rows = [
        TextRow(job_id="a", position=place, text=word, weight=weight)
        for place, (word, weight) in enumerate(weights.items(), 1)
    ]
    return Said(texts=rows, resolved={"unknown": list(unknown)})


def test_a_planted_word_counts_as_dropped_where_no_shorter_prompt_has_it():
    asked = shorten.Asked(text="a red zqx cat", planted=("zqx",), meant=("red", "cat"))
    spelt = said({"a": 0.0, "red": 0.5, "zqx": 0.0, "cat": 1.0})
    assert shorten.figures([(asked, spelt)]) == {"dropped": 1.0, "kept": 1.0}
    heavy = said({"a": 0.0, "red": 0.05, "zqx": 1.0, "cat": 0.9}, unknown=["zqx"])
    assert shorten.figures([(asked, heavy)])["dropped"] == 1.0
    bare = shorten.without_vocabulary(heavy)
    assert shorten.figures([(asked, bare)]) == {"dropped": 0.0, "kept": 0.5}

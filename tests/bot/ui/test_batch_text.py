"""What the messages about a batch say, and that Discord takes them."""

import pytest

import engine
from bot.jobs.batches import BatchRow, Item
from bot.jobs.orders import Quote
from bot.jobs.records import Delivery, Outcome
from bot.ui import batch_text
from engine import Sentence

BATCH = BatchRow(
    id="a" * 16,
    guild_id=10**18,
    channel_id=2 * 10**18,
    user_id=7,
    prompt="a {red, blue} cat",
    locale="en",
    message_id=5,
    created_ms=0,
)


def item(number, prompt="a cat", outcome=Outcome.OPEN, reason="", message_id=None):
    delivery = Delivery.NONE if outcome is Outcome.OPEN else Delivery.POSTED
    return Item(
        job_id=str(number),
        prompt=prompt,
        outcome=outcome,
        delivery=delivery,
        reason=reason,
        message_id=message_id,
    )


def lines(items, events=None):
    return batch_text.listing(BATCH, items, events or {}).description.splitlines()


def test_every_state_has_its_words():
    items = [
        item(1),
        item(2),
        item(3),
        item(4, outcome=Outcome.FINISHED, message_id=3 * 10**18),
        item(5, outcome=Outcome.FAILED, reason="It broke.\nNothing was charged."),
        item(6, outcome=Outcome.CANCELLED),
    ]
    events = {
        "1": engine.Queued(job_id="1", position=3),
        "2": engine.Started(job_id="2"),
        "3": engine.Progress(job_id="3", done=1, total=4),
    }
    assert lines(items, events) == [
        "1. a cat – waiting",
        "2. a cat – 0%",
        "3. a cat – 25%",
        f"4. a cat – [drawn](https://discord.com/channels/{10**18}/{2 * 10**18}/{3 * 10**18})",
        "5. a cat – failed: It broke. Nothing was charged.",
        "6. a cat – cancelled",
    ]
    assert batch_text.content(BATCH, items, events) == (
        "**a {red, blue} cat** - <@7> (1 of 6 drawn) (54%)"
    )


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ((Outcome.FINISHED, Outcome.FINISHED), "(2 of 2 drawn) (fast)"),
        ((Outcome.FINISHED, Outcome.FAILED), "(1 of 2 drawn) (fast)"),
        ((Outcome.FAILED, Outcome.FAILED), "(0 of 2 drawn) (failed)"),
        ((Outcome.FINISHED, Outcome.CANCELLED), "(1 of 2 drawn) (cancelled)"),
        ((Outcome.OPEN, Outcome.OPEN), "(Waiting to start)"),
    ],
)
def test_the_headline_says_how_it_stands(outcomes, said):
    items = [item(number, outcome=outcome) for number, outcome in enumerate(outcomes)]
    assert batch_text.content(BATCH, items, {}) == f"**a {{red, blue}} cat** - <@7> {said}"


def test_what_is_only_kept_has_no_link():
    kept = Item(
        job_id="1",
        prompt="a cat",
        outcome=Outcome.FINISHED,
        delivery=Delivery.KEPT,
        reason="",
        message_id=9,
    )
    assert lines([kept]) == ["1. a cat – drawn"]


def test_prompts_too_long_for_the_list_show_what_tells_them_apart():
    same = "a very detailed picture, " * 30
    first, second = lines([item(1, f"{same}red cat"), item(2, f"{same}blue cat")])
    assert first == "1. …tailed picture, red cat – waiting"
    assert second == "2. …tailed picture, blue cat – waiting"
    assert lines([item(1, same), item(2, same)])[0].startswith("1. a very detailed picture, a")


@pytest.mark.parametrize(
    "prompt", ["word " * 800, "*" * 4000, "[](" * 1300, "https://a.example/" * 200]
)
@pytest.mark.parametrize("count", [2, 10, 40])
def test_long_lists_end_with_how_many_more_there_are(prompt, count):
    reason = "It _broke_ badly. " * 100
    items = [
        item(n, f"{n} {prompt}", Outcome.FAILED if n % 2 else Outcome.FINISHED, reason, 10**18 + n)
        for n in range(count)
    ]
    embed = batch_text.listing(BATCH, items, {})
    assert len(embed.description) <= 4096
    *whole, last = embed.description.splitlines()
    if last.startswith("and "):
        assert last == f"and {count - len(whole)} more"
    else:
        assert len(whole) + 1 == count
    assert len(batch_text.content(BATCH, items, {})) <= 2000
    quote = Quote(
        price=100 * count, usual=100, available=10**9, notes=(engine.Sentence("So it is. " * 300),)
    )
    asked = batch_text.confirmation(
        [each.prompt for each in items], quote, minutes=15, seeds_apart=True, language="en"
    )
    assert len(asked.description) <= 4096
    assert len(asked) <= 6000


def test_forty_grids_that_are_drawn_are_listed_as_far_as_they_fit():
    items = [item(n, f"a red cat {n}", Outcome.FINISHED, "", 10**18 + n) for n in range(40)]
    *_, last = lines(items)
    assert last == "and 6 more"


def test_a_questions_notes_are_whole_sentences_and_the_seeds_come_first():
    notes = tuple(Sentence("{number} {words}.", number=n, words="word " * 40) for n in range(20))
    embed = batch_text.confirmation(
        ["a cat"] * 2,
        Quote(price=200, usual=200, available=300, notes=notes),
        minutes=15,
        seeds_apart=True,
        language="en",
    )
    assert len(embed.description) <= 4096
    first, *others, last = [line for line in embed.description.splitlines() if line[:3] == "-# "]
    assert first.startswith("-# Repetitions with --seed have seeds four apart")
    assert all(line.endswith(" .") for line in others)
    assert last == f"-# and {20 - len(others)} more"


def test_markdown_in_a_prompt_stays_as_typed():
    assert lines([item(1, "a **cat** [x](y) `z`")]) == [
        r"1. a \*\*cat\*\* \[x\](y) \`z\` – waiting"
    ]

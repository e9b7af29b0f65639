"""Permutations and --repeat in Discord: asked, ordered once, shown in one message, cancelled."""

import re
from types import SimpleNamespace

import discord
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from tests_support import PatientEngine, custom_ids, grids, labels, pings, png, refusal, rows

from bot.credits import ledger
from bot.errors import NotConfirmed
from bot.jobs import batches as batches_module
from bot.storage.tables import batches, entries, holds, inputs, jobs, purses
from bot.ui.batches import CONFIRM_WITHIN_MIN

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def outcomes(database):
    async with database.read() as connection:
        found = await connection.execute(select(jobs.c.outcome).order_by(jobs.c.created_ms))
        return [outcome for (outcome,) in found]


async def spent(database):
    """What all members paid, in 1/100 credit; every purse is the sum of its entries."""
    async with database.read() as connection:
        sums = await connection.execute(
            select(entries.c.account_id, entries.c.purse, func.sum(entries.c.amount)).group_by(
                entries.c.account_id, entries.c.purse
            )
        )
        kept = await connection.execute(
            select(purses.c.account_id, purses.c.kind, purses.c.available)
        )
        assert sorted(map(tuple, sums)) == sorted(map(tuple, kept))
        paid = await connection.scalar(
            select(func.sum(entries.c.amount)).where(entries.c.job_id.is_not(None))
        )
    return -(paid or 0)


async def ask(env, channel, member, prompt="a {red, blue, green} cat"):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def order(env, channel, member, prompt="a {red, blue, green} cat"):
    question = await ask(env, channel, member, prompt)
    answer = await member.click(question.response.message, label="Confirm")
    await env.settle()
    return answer


def shown(channel):
    """The batch's message."""
    [message] = [m for m in channel.history() if m.embeds and m.embeds[0].footer.text]
    return message


def listed(message):
    return message.embeds[0].description.splitlines()


async def restart(env, new_bot):
    fresh = PatientEngine()
    fresh.env = env
    bot = new_bot(fresh)
    await env.restart_bot(bot)
    await env.settle()
    return bot, fresh


# The question.


async def test_the_price_is_asked_first_and_nothing_is_ordered(
    simcord_env, channel, alice, database, fake_engine
):
    result = await ask(simcord_env, channel, alice, "a {red, blue} cat --repeat 2 --video")
    assert result.ephemeral
    [embed] = result.response.embeds
    assert embed.title == "Action needed to continue"
    assert "4 grids for 4 credits; you have 25 credits" in embed.description
    assert "1. a red cat --video\n2. a red cat --video\n3. a blue cat" in embed.description
    assert (
        "-# Without effect on Doodle: --video (no kind of model here makes films yet)."
        in embed.description
    )
    assert labels(result.response.message) == ["Confirm", "Cancel"]
    assert fake_engine.jobs == []
    assert await rows(database, jobs) == await rows(database, batches) == []
    assert await spent(database) == 0


async def test_confirmed_each_prompt_is_a_grid_of_its_own_and_the_list_comes_last(
    simcord_env, channel, alice, database, fake_engine
):
    answer = await order(simcord_env, channel, alice)
    assert labels(answer.response.message) == []
    assert answer.response.content == "Ordered: 3 grids for 3 credits."
    assert [job.prompt[0].text for job in fake_engine.jobs] == [
        "a red cat",
        "a blue cat",
        "a green cat",
    ]
    assert len({job.seed for job in fake_engine.jobs}) == 3
    *drawn, last = channel.history()
    assert sorted(m.content for m in drawn) == [
        f"**a {colour} cat** - {alice.mention} (fast)" for colour in ("blue", "green", "red")
    ]
    assert grids(channel) == drawn
    assert last == shown(channel)
    assert last.content == (
        f"**a {{red, blue, green}} cat** - {alice.mention} (3 of 3 drawn) (fast)"
    )
    for line, colour in zip(listed(last), ("red", "blue", "green"), strict=True):
        [grid] = [m for m in drawn if colour in m.content]
        link = f"https://discord.com/channels/{channel.guild.id}/{channel.id}/{grid.id}"
        assert f"a {colour} cat – [drawn]({link})" in line
    assert labels(last) == []
    assert await spent(database) == 300
    assert await outcomes(database) == ["finished"] * 3
    [batch] = await rows(database, batches)
    assert (batch.delivery, batch.message_id) == ("posted", last.id)


async def test_a_batch_mentions_its_member_once_when_it_is_over(simcord_env, channel, alice):
    await order(simcord_env, channel, alice)
    assert pings(simcord_env) == [[alice.id]]
    posts = [
        request.json
        for request in simcord_env.http_requests
        if request.method == "POST" and request.path.endswith("/messages")
    ]
    assert posts[-1]["allowed_mentions"]["users"] == [alice.id]
    assert all(len(post["nonce"]) <= 25 for post in posts)


async def test_the_list_shows_how_far_each_is_and_no_job_has_a_message_of_its_own(
    simcord_env, channel, alice, fake_engine
):
    fake_engine._capacity = 2
    fake_engine.pause()
    await order(simcord_env, channel, alice)
    assert shown(channel).content.endswith("(Waiting to start)")
    assert labels(shown(channel)) == ["Cancel batch"]
    fake_engine.step(1 + 8)
    await simcord_env.settle()
    await simcord_env.advance_time(5)
    message = shown(channel)
    assert message.content.endswith("(0 of 3 drawn) (33%)")
    assert listed(message) == [
        "1. a red cat – 50%",
        "2. a blue cat – 50%",
        "3. a green cat – waiting",
    ]
    assert len(channel.history()) == 1
    fake_engine.step(8)
    await simcord_env.settle()
    await simcord_env.advance_time(5)
    assert "(2 of 3 drawn)" in shown(channel).content
    assert "[drawn](https://discord.com/channels/" in listed(shown(channel))[0]
    assert channel.history()[0] == shown(channel), "edited where it stands"
    fake_engine.resume()
    await simcord_env.settle()
    assert "(3 of 3 drawn) (fast)" in shown(channel).content
    assert len(channel.history()) == 4


async def test_declined_nothing_is_ordered_or_charged(
    simcord_env, simcord_bot, channel, alice, database
):
    question = await ask(simcord_env, channel, alice)
    asked = id_of(question)
    answer = await alice.click(question.response.message, label="Cancel")
    assert answer.response.content == "Nothing was ordered or charged."
    assert labels(answer.response.message) == []
    late = await press(simcord_bot, channel, alice, asked, "y")
    assert "send the command again" in refusal(late).description
    assert await rows(database, jobs) == []


# Who may answer, when, and how often.


async def test_confirmed_twice_it_is_ordered_once(
    simcord_env, simcord_bot, channel, alice, database
):
    question = await ask(simcord_env, channel, alice)
    asked = id_of(question)
    await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    for code in "yn":
        again = await press(simcord_bot, channel, alice, asked, code)
        assert "ordered already" in refusal(again).description
    assert len(await rows(database, jobs)) == 3
    assert await spent(database) == 300


async def test_confirmed_by_two_clients_at_once_it_is_ordered_once(
    simcord_env, simcord_bot, channel, alice, database
):
    accept, refused = simcord_bot.orders.accept_batch, []

    async def accept_while_it_is_confirmed_again(batch, *, price):
        interaction = SimpleNamespace(
            user=SimpleNamespace(id=alice.id), channel_id=channel.id, guild_id=None
        )
        for answer in (simcord_bot.batches.confirm, simcord_bot.batches.discard):
            with pytest.raises(NotConfirmed, match="being ordered already"):
                await answer(interaction, batch.id)
            refused.append(batch.id)
        return await accept(batch, price=price)

    simcord_bot.orders.accept_batch = accept_while_it_is_confirmed_again
    await order(simcord_env, channel, alice)
    assert len(refused) == 2
    assert len(await rows(database, jobs)) == 3


async def test_the_database_takes_a_batch_once(simcord_env, simcord_bot, channel, alice, database):
    question = await ask(simcord_env, channel, alice)
    asked = simcord_bot.batches._asked[id_of(question)]
    await simcord_bot.orders.accept_batch(asked.batch, price=300)
    with pytest.raises(NotConfirmed, match="ordered already"):
        await simcord_bot.orders.accept_batch(asked.batch, price=300)
    assert len(await rows(database, jobs)) == 3
    assert await spent(database) == 300


async def test_nobody_else_may_answer(simcord_env, simcord_bot, channel, alice, bob, database):
    question = await ask(simcord_env, channel, alice)
    for code in "yn":
        refused = await press(simcord_bot, channel, bob, id_of(question), code)
        assert "another member's order" in refusal(refused).description
    assert await rows(database, jobs) == []
    await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    assert len(await rows(database, jobs)) == 3


async def test_the_question_is_answered_where_it_was_asked(
    simcord_env, simcord_bot, guild, channel, alice, database
):
    question = await ask(simcord_env, channel, alice)
    other = guild.create_text_channel("other")
    refused = await press(simcord_bot, other, alice, id_of(question), "y")
    assert "send the command again" in refusal(refused).description
    assert await rows(database, jobs) == []


@pytest.mark.parametrize("code", ["y", "n", "x"])
async def test_a_forged_id_gets_one_sentence(simcord_env, simcord_bot, channel, alice, code):
    result = await press(simcord_bot, channel, alice, "a" * 16, code)
    assert result.ephemeral
    assert refusal(result).title in ("Not found", "Action needed to continue")


@pytest.mark.parametrize("rest", ["nonsense", "aaaaaaaaaaaaaaaa:q", "'; DROP TABLE jobs;--"])
async def test_a_forged_button_gets_one_sentence(simcord_env, simcord_bot, channel, alice, rest):
    result = await press(simcord_bot, channel, alice, rest, "y")
    assert refusal(result).title == "Not found"


async def test_after_a_restart_the_question_is_asked_anew(
    simcord_env, channel, alice, database, new_bot
):
    question = await ask(simcord_env, channel, alice)
    _, fresh = await restart(simcord_env, new_bot)
    late = await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    assert refusal(late).title == "Action needed to continue"
    assert "send the command again. Nothing was charged." in refusal(late).description
    assert fresh.jobs == []
    assert await rows(database, jobs) == []


async def test_an_old_question_is_asked_anew(simcord_env, simcord_bot, channel, alice, database):
    question = await ask(simcord_env, channel, alice)
    asked = simcord_bot.batches._asked[id_of(question)]
    asked.asked_ms -= CONFIRM_WITHIN_MIN * 60_000
    late = await alice.click(question.response.message, label="Confirm")
    assert "send the command again. Nothing was charged." in refusal(late).description
    assert await rows(database, jobs) == []
    await ask(simcord_env, channel, alice)
    assert len(simcord_bot.batches._asked) == 1, "the old one is forgotten"


async def test_only_a_members_newest_questions_are_remembered(
    simcord_env, simcord_bot, channel, alice, bob
):
    theirs = await ask(simcord_env, channel, bob)
    questions = [await ask(simcord_env, channel, alice) for _ in range(5)]
    kept = [id_of(theirs), *(id_of(question) for question in questions[2:])]
    assert list(simcord_bot.batches._asked) == kept


async def test_the_style_codes_that_the_question_names_are_drawn(
    simcord_env, channel, alice, fake_engine
):
    question = await ask(simcord_env, channel, alice, "a {red, blue} cat --sref random")
    named = re.findall(r"--sref ([\d, ]+)", question.response.embeds[0].description)
    await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    drawn = [str(code.code) for job in fake_engine.jobs for code in job.style_codes]
    assert len(set(drawn)) == 2
    assert [code for codes in named for code in re.findall(r"\d+", codes)] == drawn


# Money and limits.


async def test_without_credits_for_all_nothing_is_ordered(
    simcord_env, channel, alice, new_bot, database
):
    await simcord_env.restart_bot(new_bot(trial_credits=5))
    await simcord_env.settle()
    question = await ask(simcord_env, channel, alice, "a cat --repeat 6")
    assert refusal(question).title == "Credits exhausted"
    assert "This needs 6 credits; you have 5 credits." in refusal(question).description
    assert "/imagine prompt: a cat --repeat 6" in refusal(question).description
    assert await rows(database, jobs) == []


async def test_credits_that_were_spent_meanwhile_leave_nothing_half_ordered(
    simcord_env, channel, alice, new_bot, database, fake_engine
):
    await simcord_env.restart_bot(new_bot(trial_credits=3))
    await simcord_env.settle()
    questions = [await ask(simcord_env, channel, alice, "cat --repeat 2") for _ in range(2)]
    await alice.click(questions[0].response.message, label="Confirm")
    await simcord_env.settle()
    last = await alice.click(questions[1].response.message, label="Confirm")
    assert "This needs 2 credits; you have 1 credit." in refusal(last).description
    await simcord_env.settle()
    assert len(await rows(database, jobs)) == len(fake_engine.jobs) == 2
    assert len(await rows(database, batches)) == 1
    assert await spent(database) == 200
    assert labels(questions[1].response.message) == ["Confirm", "Cancel"], "to be tried again"


async def test_what_costs_more_by_now_is_asked_anew(
    simcord_env, simcord_bot, channel, alice, database
):
    question = await ask(simcord_env, channel, alice)
    simcord_bot.batches._asked[id_of(question)].price = 299
    answer = await alice.click(question.response.message, label="Confirm")
    assert "The price is 3 credits by now, not 2.99 credits" in refusal(answer).description
    assert await rows(database, jobs) == []


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("cat --repeat 11", "This orders 11 grids; you may order 10 at once"),
        ("{1,2}" * 500, "make more than 1000000000000 prompts; you may have 10 at once"),
        ("{a, b} cat --bogus", "no parameter --bogus"),
        ("{a, b", "No } stands after this {"),
    ],
)
async def test_too_many_are_refused_with_count_and_limit(
    simcord_env, channel, alice, database, prompt, sentence
):
    question = await ask(simcord_env, channel, alice, prompt)
    assert refusal(question).title == "Invalid parameter"
    assert sentence in refusal(question).description
    assert f"/imagine prompt: {prompt}" in refusal(question).description
    assert await rows(database, jobs) == []


async def test_a_batch_is_taken_wherever_one_order_is_and_fills_the_queue(
    simcord_env, channel, alice, new_bot, fake_engine, database
):
    await simcord_env.restart_bot(new_bot(max_running=1, max_queued=1, max_batch=4))
    fake_engine.pause()
    assert not (await ask(simcord_env, channel, alice, "a cat")).ephemeral
    await order(simcord_env, channel, alice, "cat --repeat 4")
    assert len(await rows(database, jobs)) == 5
    for prompt in ("a cat", "cat --repeat 2"):
        refused = refusal(await ask(simcord_env, channel, alice, prompt))
        assert refused.title == "Queue full"
        assert "5 pictures waiting. Send this again when there are fewer than 2" in (
            refused.description
        )
    fake_engine.resume()
    await simcord_env.settle()
    assert await outcomes(database) == ["finished"] * 5


async def test_one_that_fails_is_refunded_alone_and_listed_with_its_reason(
    simcord_env, channel, alice, fake_engine, database
):
    fake_engine.fail_next("It *broke*.")
    await order(simcord_env, channel, alice)
    assert sorted(await outcomes(database)) == ["failed", "finished", "finished"]
    assert await spent(database) == 200
    assert len(grids(channel)) == 2
    assert len(channel.history()) == 3
    assert "(2 of 3 drawn)" in shown(channel).content
    assert listed(shown(channel))[0] == (
        r"1. a red cat – failed: It \*broke\*. Nothing was charged."
    )
    assert pings(simcord_env) == [[alice.id]]


# Cancelled whole.


@pytest.mark.parametrize("way", ["button", "menu"])
async def test_cancelled_on_the_way_what_is_drawn_is_paid_and_the_rest_is_not(
    simcord_env, channel, alice, bob, fake_engine, database, way
):
    fake_engine._capacity = 1
    fake_engine.pause()
    await order(simcord_env, channel, alice)
    fake_engine.step(17 + 3)
    await simcord_env.settle()

    async def cancel(member):
        if way == "menu":
            return await member.context_menu(channel, "Cancel Job", shown(channel))
        return await member.click(shown(channel), label="Cancel batch")

    refused = await cancel(bob)
    assert "another member's batch" in refusal(refused).description
    assert await outcomes(database) == ["finished", "open", "open"]
    answer = await cancel(alice)
    assert answer.response.content == "Cancelled; 2 grids are not charged."
    assert answer.ephemeral
    fake_engine.resume()
    await simcord_env.settle()
    assert await outcomes(database) == ["finished", "cancelled", "cancelled"]
    assert await spent(database) == 100
    assert {row.state for row in await rows(database, holds)} == {"settled", "released"}
    assert fake_engine.status().running == fake_engine.status().queued == ()
    assert len(grids(channel)) == 1
    assert shown(channel).content.endswith("(1 of 3 drawn) (cancelled)")
    assert listed(shown(channel))[1:] == ["2. a blue cat – cancelled", "3. a green cat – cancelled"]
    assert labels(shown(channel)) == []
    assert pings(simcord_env) == [], "who cancels is looking"


async def test_a_batch_that_is_over_cannot_be_cancelled(
    simcord_env, simcord_bot, channel, alice, database
):
    await order(simcord_env, channel, alice)
    [batch] = await rows(database, batches)
    late = await press(simcord_bot, channel, alice, batch.id, "x")
    assert "being drawn any more" in refusal(late).description
    assert await spent(database) == 300


# Restarts.


async def test_killed_in_the_middle_it_goes_on_and_is_charged_and_told_once(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine._capacity = 1
    fake_engine.pause()
    await order(simcord_env, channel, alice)
    fake_engine.step(17 + 3)
    await simcord_env.settle()
    [first] = grids(channel)
    before = shown(channel)
    held = PatientEngine(capacity=1)
    held.env = simcord_env
    held.pause()
    await simcord_env.restart_bot(new_bot(held))
    await simcord_env.settle()
    assert held.jobs == fake_engine.jobs[1:], "the same jobs in the same order"
    held.step(1 + 4)
    await simcord_env.settle()
    await simcord_env.advance_time(5)
    assert shown(channel).id == before.id
    assert "(1 of 3 drawn) (41%)" in shown(channel).content
    assert "a blue cat – 25%" in listed(shown(channel))[1]
    held.resume()
    await simcord_env.settle()
    assert len(grids(channel)) == 3
    assert grids(channel)[0].id == first.id
    assert await outcomes(database) == ["finished"] * 3
    assert await spent(database) == 300
    assert pings(simcord_env) == [[alice.id]]
    assert "(3 of 3 drawn)" in shown(channel).content


async def test_cancelled_after_a_restart(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine.pause()
    await order(simcord_env, channel, alice)
    held = PatientEngine()
    held.env = simcord_env
    held.pause()
    await simcord_env.restart_bot(new_bot(held))
    await simcord_env.settle()
    await alice.click(shown(channel), label="Cancel batch")
    await simcord_env.settle()
    assert await outcomes(database) == ["cancelled"] * 3
    assert await spent(database) == 0
    assert held.status().running == held.status().queued == ()


@pytest.mark.parametrize("posted", [True, False])
async def test_killed_before_its_message_was_written_down_it_has_one_message(
    simcord_env, simcord_bot, channel, alice, fake_engine, database, new_bot, posted
):
    fake_engine.pause()
    await order(simcord_env, channel, alice)
    async with database.write() as connection:
        await connection.execute(update(batches).values(message_id=None))
    if not posted:
        place = simcord_bot.get_channel(channel.id)
        await place.get_partial_message(shown(channel).id).delete()
    held = PatientEngine()
    held.env = simcord_env
    held.pause()
    await simcord_env.restart_bot(new_bot(held))
    await simcord_env.settle()
    held.step(1 + 8)
    await simcord_env.settle()
    await simcord_env.advance_time(5)
    assert "(0 of 3 drawn) (50%)" in shown(channel).content
    assert labels(shown(channel)) == ["Cancel batch"]
    held.resume()
    await simcord_env.settle()
    assert "(3 of 3 drawn)" in shown(channel).content


async def test_an_end_that_was_posted_but_not_recorded_is_not_posted_again(
    simcord_env, channel, alice, database, new_bot
):
    await order(simcord_env, channel, alice)
    posted = shown(channel)
    async with database.write() as connection:  # as if the process died between post and record
        where = " ON batches" if database.dialect == "postgresql" else ""
        await connection.exec_driver_sql(f"DROP TRIGGER batches_end_once{where}")
        await connection.execute(update(batches).values(delivery="pending", message_id=None))
    await restart(simcord_env, new_bot)
    assert shown(channel).id == posted.id
    [batch] = await rows(database, batches)
    assert (batch.delivery, batch.message_id) == ("posted", posted.id)
    assert pings(simcord_env) == [[alice.id]]


async def test_an_end_that_was_not_posted_is_posted_without_a_ping(
    simcord_env, simcord_bot, channel, alice, database, new_bot
):
    send = simcord_bot.batch_messages.post_end

    async def broken(batch_id, *, again):
        raise OSError("the network is down")

    simcord_bot.batch_messages.post_end = broken
    simcord_bot.outbox.retry_after_s, simcord_bot.outbox.last_retry_s = (), None
    await order(simcord_env, channel, alice)
    assert send is not broken
    [batch] = await rows(database, batches)
    assert batch.delivery == "pending"
    _, fresh = await restart(simcord_env, new_bot)
    assert fresh.jobs == []
    assert "(3 of 3 drawn)" in shown(channel).content
    assert pings(simcord_env) == []


async def test_a_channel_that_refuses_everything_keeps_it_and_tells_the_member(
    simcord_env, channel, alice, fake_engine, database
):
    fake_engine.pause()
    await order(simcord_env, channel, alice)
    simcord_env.inject_error(
        "POST", f"/channels/{channel.id}/messages", status=403, code=50013, times=None
    )
    fake_engine.resume()
    await simcord_env.settle()
    [batch] = await rows(database, batches)
    assert batch.delivery == "kept"
    assert {row.delivery for row in await rows(database, jobs)} == {"kept"}
    *_, told = alice.user.dm_channel.history()
    assert "(3 of 3 drawn)" in told.content
    assert await spent(database) == 300


@pytest.mark.parametrize("fails", ["show", "items"])
async def test_who_has_paid_never_reads_that_nothing_was_charged(
    simcord_env, channel, alice, database, fake_engine, monkeypatch, fails
):
    database.write_again_after_s = (600,)
    real, broken = getattr(batches_module, fails), [True]

    async def busy(*arguments):
        if broken:
            broken.pop()
            raise OperationalError("", {}, Exception("database is locked"))
        return await real(*arguments)

    monkeypatch.setattr(batches_module, fails, busy)
    answer = await order(simcord_env, channel, alice, "a {red, blue} cat")
    assert answer.response.content == "Ordered: 2 grids for 2 credits."
    assert answer.followups == []
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    assert (len(fake_engine.jobs), await spent(database)) == (2, 200)
    assert "(2 of 2 drawn)" in shown(channel).content


async def test_a_bot_about_to_stop_takes_no_batch(
    simcord_env, simcord_bot, channel, alice, database
):
    question = await ask(simcord_env, channel, alice)
    simcord_bot.orders.close()
    refused = await alice.click(question.response.message, label="Confirm")
    assert refusal(refused).title == "Restarting"
    assert await rows(database, jobs) == []


# Pictures and seeds.


async def test_pictures_are_fetched_once_when_it_is_confirmed(
    simcord_env, simcord_bot, channel, alice, database, fake_engine
):
    fetched = []

    async def link(url):
        fetched.append(url)
        return png(colour="red" if "1" in url else "blue")

    simcord_bot.batches._fetcher.link = link
    prompt = "https://a.example/1.png {https://a.example/2.png, } {red, blue} cat"
    question = await ask(simcord_env, channel, alice, prompt)
    assert "4 grids" in question.response.embeds[0].description
    assert fetched == []
    await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    assert sorted(fetched) == ["https://a.example/1.png", "https://a.example/2.png"]
    assert [len(job.inputs) for job in fake_engine.jobs] == [2, 2, 1, 1]
    assert len({row.sha256 for row in await rows(database, inputs)}) == 2
    assert await outcomes(database) == ["finished"] * 4


async def test_a_picture_that_cannot_be_fetched_orders_nothing_and_may_be_tried_again(
    simcord_env, simcord_bot, channel, alice, database
):
    prompt = "https://127.0.0.1/1.png {red, blue} cat"
    question = await ask(simcord_env, channel, alice, prompt)
    refused = await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    assert refusal(refused).title == "Invalid link"
    assert await rows(database, jobs) == []

    async def link(_url):
        return png()

    simcord_bot.batches._fetcher.link = link
    await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    assert await outcomes(database) == ["finished"] * 2


async def test_links_to_many_pictures_are_refused(simcord_env, channel, alice):
    pairs = [f"https://a.example/{n}.png https://b.example/{n}.png" for n in range(6)]
    question = await ask(simcord_env, channel, alice, f"{{{', '.join(pairs)}}} a cat")
    assert refusal(question).title == "Invalid link"
    assert "12 different pictures; together they may link to 10" in refusal(question).description


async def test_repetitions_with_a_seed_are_other_pictures_and_say_their_seed(
    simcord_env, channel, alice, fake_engine
):
    question = await ask(simcord_env, channel, alice, "a cat --seed 7 --repeat 3")
    assert "seeds four apart" in question.response.embeds[0].description
    await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    assert [job.seed for job in fake_engine.jobs] == [7, 11, 15]
    assert "**a cat --seed 11** -" in " ".join(m.content for m in channel.history())


async def test_buttons_under_a_grid_of_a_batch_order_one_job(simcord_env, channel, alice, database):
    await order(simcord_env, channel, alice, "a cat --repeat 2")
    [reroll] = [item for item in custom_ids(grids(channel)[0]) if item.endswith(":r")]
    await alice.click(grids(channel)[0], custom_id=reroll)
    await simcord_env.settle()
    found = await rows(database, jobs)
    assert [row.batch_id is None for row in found].count(True) == 1
    assert "**a cat** -" in channel.last_message.content
    assert await spent(database) == 300


async def test_other_commands_say_that_they_repeat_nothing(simcord_env, channel, alice):
    await ask(simcord_env, channel, alice, "a cat")
    refused = await alice.slash(channel, "vary", prompt="a {red, blue} cat")
    assert "for /imagine" in refusal(refused).description
    await alice.slash(channel, "vary", prompt="a cat --repeat 3")
    await simcord_env.settle()
    assert "Without effect on Doodle: --repeat (only /imagine repeats)." in (
        channel.last_message.content
    )


async def test_in_a_direct_message_a_batch_is_listed_too(
    simcord_env, simcord_bot, guild, alice, database
):
    async with database.write() as connection:
        account = await simcord_bot.accounts.opened(connection, 0, alice.id)
        await ledger.grant(connection, account_id=account, amount=500, actor_id=1, now_ms=0)
    question = await alice.user.slash("imagine", prompt="a {red, blue} cat")
    await alice.user.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    last = shown(alice.user.dm_channel)
    assert "(2 of 2 drawn)" in last.content
    assert "https://discord.com/channels/@me/" in last.embeds[0].description
    assert await spent(database) == 200


def id_of(question):
    """The id that its buttons carry."""
    return custom_ids(question.response.message)[0].split(":")[1]


async def press(bot, channel, member, batch_id, code):
    """Press a button of the batch that was made by hand, as who forges or replays one would."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=f"batch:{batch_id}:{code}"))
    message = await bot.get_channel(channel.id).send("x", view=view)
    [found] = [each for each in channel.history() if each.id == message.id]
    result = await member.click(found, label="x")
    await message.delete()
    return result

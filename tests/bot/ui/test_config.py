"""/config: a server's settings out and in again, and no others'."""

import dataclasses
import json

import pytest
from tests_support import custom_ids, refusal

from bot.storage import audit

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


def written(guild, **settings):
    return json.dumps({"darkroom": 2, "server": str(guild.id), "settings": settings}).encode()


def whole(guild, **parts):
    return json.dumps({"darkroom": 2, "server": str(guild.id), "settings": {}, **parts}).encode()


async def confirm(member, result):
    question = result.response.message
    [button] = [each for each in custom_ids(question) if each.endswith(":y")]
    return await member.click(question, custom_id=button)


async def bring(env, channel, member, data):
    return await member.slash(channel, "config import", file=("x.json", data))


async def test_what_is_exported_can_be_brought_back(
    simcord_env, simcord_bot, guild, channel, manager
):
    log = guild.create_text_channel("log")
    await manager.slash(channel, "server buttons", who="owners")
    await manager.slash(channel, "server audit", channel=log)
    await manager.slash(channel, "queue pause")
    result = await manager.slash(channel, "config export")
    data = await result.response.message.attachments[0].read()
    assert json.loads(data) == {
        "darkroom": 2,
        "server": str(guild.id),
        "settings": {"buttons": "owners", "audit_channel": str(log.id)},
        "plans": [],
        "quotas": [],
        "words": [],
    }
    result = await bring(simcord_env, channel, manager, data)
    assert "as in the file already" in result.response.message.content
    await manager.slash(channel, "server buttons", who="everybody")
    await manager.slash(channel, "server remix", allowed=False)
    result = await bring(simcord_env, channel, manager, data)
    question = result.response.message
    assert question.embeds[0].description.splitlines()[1:] == [
        "`buttons`: as at first → `owners`",
        "`remix`: `forbidden` → as at first",
    ]
    before = await simcord_bot.preferences.of(guild.id)
    assert before.get("remix") == "forbidden", "nothing changes before it is confirmed"
    [button] = [each for each in custom_ids(question) if each.endswith(":y")]
    await manager.click(question, custom_id=button)
    after = await simcord_bot.preferences.of(guild.id)
    assert after == {"buttons": "owners", "audit_channel": str(log.id), "queue": "paused"}
    async with simcord_bot.database.read() as connection:
        lines = await audit.after(connection, 0, 100)
    said = "`buttons`: as at first → `owners`; `remix`: `forbidden` → as at first"
    assert lines[-1].action.detail == said


@pytest.mark.parametrize(
    "settings",
    [
        {"buttons": "nobody"},
        {"queue": "paused"},
        {"language": "xx"},
        {"default_model": "nope"},
        {"denied_models": "doodle"},
        {"denied_models": "nope"},
        {"audit_channel": "1"},
        {"audit_channel": "²"},
        {"audit_channel": "1" * 5000},
        {"\ud800": "y"},
        {"channels": "[]"},
        {"channels": '{"allowed": [1]}'},
        {"channels": '{"others": []}'},
        {"channels": "[" * 5000},
        {"word_categories": '{"minors": false}'},
        {"word_categories": '{"gore": 1}'},
        {"rules": "x" * 1201},
        {"x" * 500: "y"},
    ],
)
async def test_what_no_command_would_set_is_refused(
    simcord_env, simcord_bot, guild, channel, manager, settings
):
    result = await bring(simcord_env, channel, manager, written(guild, **settings))
    assert "cannot be set here. Nothing was changed" in refusal(result).description
    assert await simcord_bot.preferences.of(guild.id) == {}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"darkroom": 1}',
        b'{"darkroom": 3, "server": "1", "settings": {}}',
    ],
)
async def test_what_is_no_export_is_refused(simcord_env, channel, manager, data):
    result = await bring(simcord_env, channel, manager, data)
    assert "no file of /config export" in refusal(result).description


async def test_another_servers_file_and_a_large_one_are_refused(
    simcord_env, simcord_bot, guild, channel, manager
):
    other = simcord_env.create_guild("Other")
    result = await bring(simcord_env, channel, manager, written(other, buttons="owners"))
    assert "of another server" in refusal(result).description
    result = await bring(simcord_env, channel, manager, b" " * 50_000_000)
    assert "too large" in refusal(result).description
    foreign = other.create_text_channel("hall")
    result = await bring(
        simcord_env, channel, manager, written(guild, audit_channel=str(foreign.id))
    )
    assert "cannot be set here" in refusal(result).description
    assert await simcord_bot.preferences.of(guild.id) == {}


@pytest.mark.usefixtures("shown_to_all")
async def test_a_plain_member_is_refused_even_where_the_command_is_shown(
    simcord_env, guild, channel, alice
):
    result = await alice.slash(channel, "config export")
    assert "Only who manages" in refusal(result).description
    result = await bring(simcord_env, channel, alice, written(guild, buttons="owners"))
    assert "Only who manages" in refusal(result).description


async def exported(channel, member):
    result = await member.slash(channel, "config export")
    return json.loads(await result.response.message.attachments[0].read())


async def test_plans_quotas_words_and_channels_go_out_and_come_back(
    simcord_env, simcord_bot, guild, channel, manager, alice
):
    role, gone = guild.create_role("Patrons"), guild.create_role("Gone")
    await manager.slash(channel, "plan create", name="Pro", monthly=60.0, steps=30)
    for each in (role, gone):
        await manager.slash(channel, "plan bind", name="Pro", role=each)
    await manager.slash(channel, "quota set", who=role, period="day", amount=5.0)
    await manager.slash(channel, "quota set", who=alice, period="month", amount=50.0)
    await manager.slash(channel, "words add", phrase="red herring", level="warn")
    await manager.slash(channel, "words category", name="gore", on=False)
    await manager.slash(channel, "channel deny", channel=channel)
    await manager.slash(channel, "rules set", text="Be kind.")
    simcord_bot.get_guild(guild.id)._remove_role(gone.id)
    before = await exported(channel, manager)
    assert before["plans"][0]["roles"] == [str(role.id)], "roles that were deleted are left out"
    assert before["quotas"] == [
        {"role": str(role.id), "period": "day", "amount": 500},
        {"member": str(alice.id), "period": "month", "amount": 5000},
    ]
    assert before["words"] == ["warn,red herring"]
    assert json.loads(before["settings"]["channels"])["denied"] == [channel.id]
    assert before["settings"]["rules"] == "Be kind."
    result = await bring(simcord_env, channel, manager, whole(guild, plans=[], quotas=[], words=[]))
    said = result.response.message.embeds[0].description
    assert "This deletes the plan **Pro**." in said
    assert "Quotas: 0 new, 2 gone." in said
    assert "Phrases of this server's own: 0 new, 1 gone." in said
    await confirm(manager, result)
    assert await exported(channel, manager) == json.loads(
        whole(guild, plans=[], quotas=[], words=[])
    )
    assert await simcord_bot.moderation.found_in(guild.id, "a red herring") == ()
    result = await bring(simcord_env, channel, manager, json.dumps(before).encode())
    await confirm(manager, result)
    assert await exported(channel, manager) == before
    plan = await simcord_bot.server_plans.of(guild.id, [role.id])
    assert (plan.monthly, plan.steps) == (6000, 30)
    hits = await simcord_bot.moderation.found_in(guild.id, "a red herring")
    assert [hit.rule.phrase for hit in hits] == ["red herring"]


async def test_a_file_of_the_first_form_leaves_what_it_does_not_know(
    simcord_env, guild, channel, manager
):
    await manager.slash(channel, "plan create", name="Pro")
    await manager.slash(channel, "rules set", text="Be kind.")
    old = json.dumps(
        {"darkroom": 1, "server": str(guild.id), "settings": {"buttons": "owners"}}
    ).encode()
    await confirm(manager, await bring(simcord_env, channel, manager, old))
    now = await exported(channel, manager)
    assert now["settings"] == {"buttons": "owners", "rules": "Be kind."}
    assert [each["name"] for each in now["plans"]] == ["Pro"]


PLAN = {"name": "A"}


@pytest.mark.parametrize(
    "parts",
    [
        {"plans": [PLAN | {"roles": ["1"]}]},
        {"plans": [PLAN | {"roles": ["x"]}]},
        {"plans": [PLAN, {"name": "a"}]},
        {"plans": [PLAN | {"name": " A"}]},
        {"plans": [PLAN | {"models": ["nope"]}]},
        {"plans": [PLAN | {"models": []}]},
        {"quotas": [{"period": "day", "amount": 1}]},
        {"quotas": [{"period": "year", "amount": 1, "member": "5"}]},
        {"quotas": [{"period": "day", "amount": 1, "member": "9" * 40}]},
        {"quotas": [{"period": "day", "amount": 1, "member": "9" * 19}]},
        {"quotas": [{"period": "day", "amount": 1, "member": "5"}] * 2},
        {"words": ["never,x"]},
        {"words": ["minors,x"]},
        {"words": ["block,cat", "warn,cat"]},
        {"words": [f"block,cat{n} dog" for n in range(1001)]},
    ],
)
async def test_parts_that_no_command_would_make_are_refused(
    simcord_env, guild, channel, manager, parts
):
    result = await bring(simcord_env, channel, manager, whole(guild, **parts))
    assert "cannot be set here. Nothing was changed" in refusal(result).description


@pytest.mark.parametrize(
    "parts",
    [
        {"plans": [PLAN | {"monthly": -1}]},
        {"plans": [PLAN | {"monthly": 10**30}]},
        {"plans": [PLAN | {"monthly": 1.5}]},
        {"plans": [PLAN | {"steps": True}]},
        {"plans": [PLAN | {"id": 7}]},
        {"plans": [PLAN | {"name": "x" * 33}]},
        {"quotas": [{"member": "5", "period": "day", "amount": -1}]},
        {"words": [7]},
        {"words": ["block,\ud800abc"]},
        {"words": ["block,ab\0cd"]},
        {"plans": [{"name": "a\0b"}]},
        {"settings": {"rules": "Be \ud800 kind."}},
    ],
)
async def test_parts_of_another_form_are_refused(simcord_env, guild, channel, manager, parts):
    result = await bring(simcord_env, channel, manager, whole(guild, **parts))
    assert "no file of /config export" in refusal(result).description


async def test_a_file_makes_no_plan_that_its_manager_could_not_make(
    simcord_env, simcord_bot, guild, channel, manager
):
    role = guild.create_role("Patrons")
    for values in ({"relax_free": True}, {"price_percent": 1}):
        result = await bring(simcord_env, channel, manager, whole(guild, plans=[PLAN | values]))
        assert "Only the bot's owner" in refusal(result).description
        assert await simcord_bot.server_plans.all(guild.id) == ()
    simcord_bot.place = dataclasses.replace(simcord_bot.place, owner_ids=(manager.id,))
    await manager.slash(channel, "plan create", name="Gift", relax_free=True)
    simcord_bot.place = dataclasses.replace(simcord_bot.place, owner_ids=())
    held = await exported(channel, manager)
    held["plans"][0]["roles"] = [str(role.id)]
    result = await bring(simcord_env, channel, manager, json.dumps(held).encode())
    assert "Only the bot's owner" in refusal(result).description
    assert not (await simcord_bot.server_plans.of(guild.id, [role.id])).relax_free
    held["plans"][0]["roles"] = []
    held["quotas"] = [{"member": "5", "period": "day", "amount": 1}]
    await confirm(manager, await bring(simcord_env, channel, manager, json.dumps(held).encode()))
    assert (await exported(channel, manager))["quotas"] == held["quotas"], "it stays as it is"


@pytest.mark.parametrize(
    ("plans", "said"),
    [
        ([PLAN | {"fast": False, "relax": False, "turbo": False}], "at least one of the modes"),
        ([{"name": f"p{number}"} for number in range(26)], "at most 25 plans"),
    ],
)
async def test_plans_that_no_server_may_have_are_refused_before_anything_is_asked(
    simcord_env, guild, channel, manager, plans, said
):
    result = await bring(simcord_env, channel, manager, whole(guild, plans=plans))
    assert said in refusal(result).description
    assert not custom_ids(result.response.message)


async def test_what_was_changed_since_the_question_is_not_overwritten(
    simcord_env, simcord_bot, guild, channel, manager
):
    asked = await bring(simcord_env, channel, manager, whole(guild, plans=[PLAN]))
    await manager.slash(channel, "plan create", name="Other")
    result = await confirm(manager, asked)
    assert "changed since you were asked" in refusal(result).description
    assert [each.name for each in await simcord_bot.server_plans.all(guild.id)] == ["Other"]


async def test_nothing_of_a_file_is_kept_where_a_part_of_it_fails(
    simcord_env, simcord_bot, guild, channel, manager
):
    data = whole(guild, settings={"buttons": "owners"}, plans=[PLAN | {"relax_free": True}])
    simcord_bot.place = dataclasses.replace(simcord_bot.place, owner_ids=(manager.id,))
    asked = await bring(simcord_env, channel, manager, data)
    simcord_bot.place = dataclasses.replace(simcord_bot.place, owner_ids=())
    result = await confirm(manager, asked)
    assert "Only the bot's owner" in refusal(result).description
    assert (await exported(channel, manager))["settings"] == {}

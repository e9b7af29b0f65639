"""The plans of servers, as their managers keep them."""

import asyncio

import pytest

from bot.credits.plans import Plan
from bot.credits.server_plans import MOST_PLANS, ServerPlans
from bot.errors import NotAllowed, NotConfirmed, NotFound
from bot.storage import audit
from bot.storage.audit import Audit

GUILD, OTHER, ROLE = 1, 2, 77
ANN, BEN = 11, 12


@pytest.fixture
def clock():
    return [0]


@pytest.fixture
async def server_plans(database, clock):
    kept = ServerPlans(database, Audit(lambda: clock[0]), lambda: clock[0])
    await kept.create(GUILD, "Pro", Plan(queued=5), actor_id=ANN, by_owner=False)
    return kept


async def test_a_role_gives_its_plan_in_its_own_server_only(server_plans):
    assert await server_plans.bind(GUILD, "pro", ROLE, actor_id=ANN, by_owner=False) == ""
    assert await server_plans.of(GUILD, [ROLE, 5]) == Plan(queued=5)
    assert await server_plans.of(GUILD, [5]) == Plan()
    assert await server_plans.of(OTHER, [ROLE]) == Plan()


async def test_the_role_of_everybody_gives_its_plan_to_who_has_no_other(server_plans):
    await server_plans.create(GUILD, "All", Plan(queued=1), actor_id=ANN, by_owner=False)
    await server_plans.bind(GUILD, "All", GUILD, actor_id=ANN, by_owner=False)
    await server_plans.bind(GUILD, "Pro", ROLE, actor_id=ANN, by_owner=False)
    assert (await server_plans.of(GUILD, [])).queued == 1
    assert (await server_plans.of(GUILD, [ROLE])).queued == 5


async def test_a_role_has_one_plan_and_a_deleted_one_counts_no_more(server_plans):
    await server_plans.create(GUILD, "Max", Plan(queued=9), actor_id=ANN, by_owner=False)
    await server_plans.bind(GUILD, "Pro", ROLE, actor_id=ANN, by_owner=False)
    assert await server_plans.bind(GUILD, "Max", ROLE, actor_id=ANN, by_owner=False) == "Pro"
    assert (await server_plans.of(GUILD, [ROLE])).queued == 9
    plan = await server_plans.named(GUILD, "max")
    await server_plans.delete(GUILD, plan.id, version=plan.version, actor_id=ANN)
    assert await server_plans.of(GUILD, [ROLE]) == Plan()
    with pytest.raises(NotFound, match="deleted already"):
        await server_plans.delete(GUILD, plan.id, version=plan.version, actor_id=ANN)


async def test_a_role_that_has_no_plan_cannot_lose_one(server_plans):
    with pytest.raises(NotFound, match="has no plan here"):
        await server_plans.unbind(GUILD, ROLE, actor_id=ANN)
    await server_plans.bind(GUILD, "Pro", ROLE, actor_id=ANN, by_owner=False)
    with pytest.raises(NotFound):
        await server_plans.unbind(OTHER, ROLE, actor_id=ANN)
    assert await server_plans.unbind(GUILD, ROLE, actor_id=ANN) == "Pro"


async def test_an_edit_changes_what_it_names_alone(server_plans):
    before, after = await server_plans.edit(
        GUILD, "PRO", {"running": 2}, actor_id=ANN, by_owner=False
    )
    assert (before.plan, after) == (Plan(queued=5), Plan(queued=5, running=2))
    assert (await server_plans.named(GUILD, "Pro")).plan == after


async def test_two_managers_who_edit_a_plan_at_once_see_each_others_change(server_plans, clock):
    with pytest.raises(NotConfirmed, match="<@11> changed the plan Pro a moment ago"):
        await server_plans.edit(GUILD, "Pro", {"queued": 1}, actor_id=BEN, by_owner=False)
    assert (await server_plans.named(GUILD, "Pro")).plan.queued == 5
    clock[0] += 60_000
    await server_plans.edit(GUILD, "Pro", {"queued": 1}, actor_id=BEN, by_owner=False)
    assert (await server_plans.named(GUILD, "Pro")).plan.queued == 1


async def test_a_plan_that_was_changed_since_it_was_looked_at_is_not_deleted(server_plans):
    plan = await server_plans.named(GUILD, "Pro")
    await server_plans.edit(GUILD, "Pro", {"queued": 1}, actor_id=ANN, by_owner=False)
    with pytest.raises(NotConfirmed, match="was changed since"):
        await server_plans.delete(GUILD, plan.id, version=plan.version, actor_id=ANN)
    await server_plans.bind(GUILD, "Pro", ROLE, actor_id=ANN, by_owner=False)
    with pytest.raises(NotConfirmed):
        await server_plans.delete(GUILD, plan.id, version=plan.version + 1, actor_id=ANN)
    assert (await server_plans.of(GUILD, [ROLE])).queued == 1


async def test_another_servers_plan_is_not_deleted(server_plans):
    plan = await server_plans.named(GUILD, "Pro")
    with pytest.raises(NotFound):
        await server_plans.delete(OTHER, plan.id, version=plan.version, actor_id=ANN)
    assert (await server_plans.named(GUILD, "Pro")).id == plan.id


async def test_a_plan_that_does_not_exist_is_a_sentence(server_plans):
    with pytest.raises(NotFound, match="no plan named Max"):
        await server_plans.edit(GUILD, "Max", {"queued": 1}, actor_id=ANN, by_owner=False)
    with pytest.raises(NotFound, match="no plan named Pro"):
        await server_plans.bind(OTHER, "Pro", ROLE, actor_id=ANN, by_owner=False)


@pytest.mark.parametrize("changes", [{"relax_free": True}, {"price_percent": 99}])
async def test_only_the_owner_makes_and_gives_out_what_is_below_the_price(server_plans, changes):
    with pytest.raises(NotAllowed, match="Only the bot's owner"):
        await server_plans.create(GUILD, "Gift", Plan(**changes), actor_id=ANN, by_owner=False)
    with pytest.raises(NotAllowed):
        await server_plans.edit(GUILD, "Pro", changes, actor_id=ANN, by_owner=False)
    await server_plans.create(GUILD, "Gift", Plan(**changes), actor_id=ANN, by_owner=True)
    with pytest.raises(NotAllowed):
        await server_plans.bind(GUILD, "Gift", GUILD, actor_id=ANN, by_owner=False)
    with pytest.raises(NotAllowed):
        await server_plans.edit(GUILD, "Gift", {"steps": 150}, actor_id=ANN, by_owner=False)
    await server_plans.bind(GUILD, "Gift", GUILD, actor_id=ANN, by_owner=True)
    assert (await server_plans.of(GUILD, [])).gives_away


async def test_names_are_taken_once_whatever_their_letters(server_plans):
    with pytest.raises(NotAllowed, match="has a plan named pRO"):
        await server_plans.create(GUILD, "pRO", Plan(), actor_id=ANN, by_owner=False)
    await server_plans.create(OTHER, "Pro", Plan(), actor_id=ANN, by_owner=False)


async def test_a_plan_draws_in_some_mode(server_plans):
    nothing = {"fast": False, "relax": False, "turbo": False}
    with pytest.raises(NotAllowed, match="at least one of the modes"):
        await server_plans.edit(GUILD, "Pro", nothing, actor_id=ANN, by_owner=False)


async def test_a_server_has_a_bounded_number_of_plans(server_plans):
    for number in range(MOST_PLANS - 1):
        await server_plans.create(GUILD, f"P{number}", Plan(), actor_id=ANN, by_owner=False)
    with pytest.raises(NotAllowed, match="which is the most"):
        await server_plans.create(GUILD, "One more", Plan(), actor_id=ANN, by_owner=False)


async def test_what_is_read_while_a_plan_changes_is_never_remembered_as_it_was(server_plans):
    for queued in range(20):
        await asyncio.gather(
            *(server_plans.of(GUILD, [ROLE]) for _ in range(5)),
            server_plans.edit(GUILD, "Pro", {"queued": queued}, actor_id=ANN, by_owner=False),
            *(server_plans.of(GUILD, [ROLE]) for _ in range(5)),
        )
        [plan] = await server_plans.all(GUILD)
        assert plan.plan.queued == queued


async def test_what_is_done_is_written_down_and_what_is_refused_is_not(server_plans, database):
    await server_plans.edit(
        GUILD, "Pro", {"queued": 4, "monthly": 250}, actor_id=ANN, by_owner=False
    )
    await server_plans.bind(GUILD, "Pro", ROLE, actor_id=ANN, by_owner=False)
    await server_plans.unbind(GUILD, ROLE, actor_id=ANN)
    await server_plans.bind(GUILD, "Pro", GUILD, actor_id=ANN, by_owner=False)
    with pytest.raises(NotAllowed):
        await server_plans.edit(GUILD, "Pro", {"relax_free": True}, actor_id=ANN, by_owner=False)
    plan = await server_plans.named(GUILD, "Pro")
    await server_plans.delete(GUILD, plan.id, version=plan.version, actor_id=BEN)
    async with database.read() as connection:
        lines = await audit.after(connection, 0, 10)
    assert [(each.action.name, each.action.detail, each.action.actor_id) for each in lines] == [
        ("plan create", "queued: 5", ANN),
        ("plan edit", "monthly: 2.5, queued: 4", ANN),
        ("plan bind", f"role: <@&{ROLE}>", ANN),
        ("plan unbind", f"role: <@&{ROLE}>", ANN),
        ("plan bind", "role: @everyone", ANN),
        ("plan delete", "", BEN),
    ]
    assert {each.action.subject for each in lines} == {"Pro"}

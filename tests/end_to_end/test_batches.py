"""A batch at the real bot process: confirmed, killed half way, told once."""

import sqlite3

from playground.testbed import is_grid

WAIT_S = 240
"""A patient limit, never a measure: these machines are shared."""


def query(environment, statement):
    connection = sqlite3.connect(f"{environment['DATA_DIR']}/darkroom.db")
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


async def test_a_batch_that_is_killed_half_way_is_drawn_charged_and_told_once(testbed, environment):
    environment["MAX_RUNNING"] = "1"  # so that some wait when it is killed
    await testbed.start_bot(environment=environment)
    await testbed.wait_for_command("imagine")
    dora, gordon = testbed.member("dora"), testbed.member("gordon")
    dora.slash(testbed.general, "imagine", {"prompt": "a {red, blue, green} cat --draft"})
    question = await testbed.wait_for_message(
        lambda message: "Confirm" in testbed.buttons(message), timeout_s=WAIT_S
    )
    assert question.is_ephemeral
    assert query(environment, "SELECT count(*) FROM jobs") == [(0,)]
    dora.click(testbed.general, question.id, "Confirm")
    shown = await testbed.wait_for_message(
        lambda message: "Cancel batch" in testbed.buttons(message), timeout_s=WAIT_S
    )
    await testbed.wait_for_message(is_grid, timeout_s=WAIT_S)
    await testbed.kill_bot()

    await testbed.start_bot(environment=environment)
    refused = gordon.click(testbed.general, shown.id, "Cancel batch")
    answer = await testbed.wait_for_answer(refused, timeout_s=WAIT_S)
    assert "another member's batch" in answer.embeds[0]["description"]
    over = await testbed.wait_for_message(
        lambda message: "(3 of 3 drawn) (fast)" in message.content, timeout_s=WAIT_S
    )
    await testbed.until(lambda: shown not in testbed.bot_messages(), timeout_s=WAIT_S)
    grids = [message for message in testbed.bot_messages() if is_grid(message)]
    assert len(grids) == 3
    assert all(str(message.id) in over.embeds[0]["description"] for message in grids)
    assert [entry.pings for entry in testbed.transcript if entry.pings] == [(dora.id,)]
    assert query(environment, "SELECT outcome, delivery, count(*) FROM jobs GROUP BY 1, 2") == [
        ("finished", "posted", 3)
    ]
    [(spent,)] = query(environment, "SELECT -sum(amount) FROM entries WHERE job_id IS NOT NULL")
    [(held,)] = query(environment, "SELECT sum(settled) FROM holds")
    assert spent == held > 0
    kept = "SELECT sum(amount) FROM entries WHERE purse = purses.kind"
    assert query(environment, f"SELECT kind, available - ({kept}) FROM purses") == [("trial", 0)]

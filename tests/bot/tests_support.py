"""What several tests of the bot read off messages and tables, and make of colours."""

import io

from PIL import Image
from sqlalchemy import event, select

from engine import FakeEngine


def png(size=(64, 64), colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def _items(message):
    return [item for line in message.components for item in line.children]


def labels(message):
    return [item.label or str(item.emoji) for item in _items(message)]


def custom_ids(message):
    return [item.custom_id for item in _items(message)]


def refusal(result):
    """The embed of an ephemeral refusal, whether the first reply was deferred or not."""
    message = result.followups[-1] if result.followups else result.response
    assert message.ephemeral
    return message.embeds[0]


async def press(env, member, message, label):
    custom_id = dict(zip(labels(message), custom_ids(message), strict=True))[label]
    result = await member.click(message, custom_id=custom_id)
    await env.settle()
    return result


def grids(channel):
    return [message for message in channel.history() if "U1" in labels(message)]


def pings(env):
    return [
        request.json["allowed_mentions"]["users"]
        for request in env.http_requests
        if isinstance(request.json, dict)
        and (request.json.get("allowed_mentions") or {}).get("users")
    ]


async def rows(database, table):
    """In the order in which they were written: PostgreSQL gives none of its own."""
    query = select(table).order_by(table.c.created_ms) if "created_ms" in table.c else select(table)
    async with database.read() as connection:
        return (await connection.execute(query)).all()


class PatientEngine(FakeEngine):
    """While it is paused, simcord knows that waiting for it is intended."""

    env = None

    def run(self, job, *arguments):
        return self._patiently(super().run(job, *arguments))

    async def _patiently(self, stream):
        while True:
            try:
                if self._paused:
                    yield await self.env.external_wait(anext(stream), reason="the engine is paused")
                else:
                    yield await anext(stream)
            except StopAsyncIteration:
                return


async def plans(connection, query):
    """How the database means to run each statement of the query."""
    sqlite = connection.dialect.name == "sqlite"
    asked = []

    def listen(_connection, _cursor, statement, parameters, _context, _many):
        asked.append((statement, parameters))

    event.listen(connection.sync_connection, "before_cursor_execute", listen)
    await query
    event.remove(connection.sync_connection, "before_cursor_execute", listen)
    explain = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
    if not sqlite:  # of a few rows it would read them all
        for way in ("seqscan", "bitmapscan", "sort"):
            await connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    found = []
    for statement, parameters in asked:
        rows = (await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all()
        found.append("\n".join(row[3] if sqlite else row[0] for row in rows))
    return found

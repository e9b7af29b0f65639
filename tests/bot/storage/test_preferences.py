from bot import preferences


async def test_a_preference_is_of_its_server_and_member(database):
    async with database.write() as connection:
        await preferences.put(connection, "model", "sdxl", guild_id=1)
        await preferences.put(connection, "model", "sd15", guild_id=1, user_id=7)
        await preferences.put(connection, "model", "doodle", guild_id=1)
    async with database.read() as connection:
        assert await preferences.get(connection, "model", guild_id=1) == "doodle"
        assert await preferences.get(connection, "model", guild_id=1, user_id=7) == "sd15"
        assert await preferences.get(connection, "model", guild_id=2) == ""


async def test_an_empty_value_takes_a_preference_back(database):
    async with database.write() as connection:
        await preferences.put(connection, "model", "sdxl", guild_id=1)
        await preferences.put(connection, "model", "", guild_id=1)
        assert await preferences.get(connection, "model", guild_id=1) == ""

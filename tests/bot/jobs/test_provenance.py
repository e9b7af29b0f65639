"""What was made here is known by its bytes and by its looks; what was not is not."""

import io
import random

import pytest
import sqlalchemy as sa
from PIL import Image, ImageDraw

from bot.credits import ledger
from bot.errors import InvalidPicture
from bot.jobs import provenance, records
from bot.jobs.provenance import Made, Provenance
from bot.jobs.records import NewJob
from bot.pictures.fingerprint import Fingerprint
from bot.storage.tables import picture_hashes


def drawing(seed, size=(128, 128)):
    """A picture of some shapes, another for each seed."""
    rng = random.Random(seed)
    picture = Image.new("RGB", size, tuple(rng.choices(range(256), k=3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y = rng.uniform(0, 0.7) * size[0], rng.uniform(0, 0.7) * size[1]
        wide, high = rng.uniform(0.2, 0.5) * size[0], rng.uniform(0.2, 0.5) * size[1]
        draw.ellipse((x, y, x + wide, y + high), tuple(rng.choices(range(256), k=3)))
    return picture


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
async def make(database):
    """Records jobs with their pictures."""
    async with database.write() as connection:
        account_id = await ledger.account(connection, guild_id=1, user_id=1, trial=9999, now_ms=0)

    async def made(job_id, *pictures, resolved="{}"):
        job = NewJob(
            id=job_id, guild_id=1, channel_id=1, user_id=1, kind="imagine", title="", prompt="cat",
            parent_id=None, resolved=resolved, locale="en", member_locale="en", stored_version=3,
            stored="{}", notes="", input_hashes=(),
        )  # fmt: skip
        async with database.write() as connection:
            await records.accept(connection, job, account_id=account_id, price=1, now_ms=0)
            await provenance.add(
                connection, [Made.of(job_id, data, at) for at, data in enumerate(pictures, 1)]
            )

    return made


async def test_a_stored_file_is_known_by_its_bytes(database, make):
    await make("a", encoded(drawing(1)), encoded(drawing(2)))
    origin = await Provenance(database).origin(encoded(drawing(2)))
    assert (origin.row.id, origin.position, origin.unchanged) == ("a", 2, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: encoded(picture, "JPEG", quality=50),
        lambda picture: encoded(picture, "WEBP", quality=60),
        lambda picture: encoded(picture.resize((64, 64)), "JPEG", quality=50),
        lambda picture: encoded(picture.resize((256, 256))),
    ],
    ids=["jpeg", "webp", "half", "double"],
)
async def test_a_picture_saved_anew_is_known_by_its_looks(database, make, change):
    await make("others", *(encoded(drawing(seed)) for seed in range(10, 20)))
    await make("a", encoded(drawing(1)))
    origin = await Provenance(database).origin(change(drawing(1)))
    assert (origin.row.id, origin.position, origin.unchanged) == ("a", 1, False)


async def test_another_picture_is_unknown(database, make):
    await make("a", *(encoded(drawing(seed)) for seed in range(20)))
    assert await Provenance(database).origin(encoded(drawing(99))) is None


async def test_the_same_shapes_in_other_colours_are_another_picture(database, make):
    await make("a", encoded(drawing(1)))
    assert await Provenance(database).origin(encoded(drawing(1).convert("L"))) is None


async def test_a_picture_of_one_colour_is_known_by_its_bytes_alone(database, make):
    await make("a", encoded(Image.new("RGB", (64, 64), "white")))
    known = Provenance(database)
    assert (await known.origin(encoded(Image.new("RGB", (64, 64), "white")))).unchanged
    assert await known.origin(encoded(Image.new("RGB", (65, 65), "white"))) is None


async def test_what_is_posted_is_known_and_noted_once(database, make):
    await make("a")
    known, grid = Provenance(database), encoded(drawing(3, (256, 128)))
    for _ in range(2):
        await known.posted("a", grid, position=None)
    origin = await known.origin(grid)
    assert (origin.row.id, origin.position, origin.unchanged) == ("a", None, True)
    assert not (await known.origin(encoded(drawing(3, (256, 128)), "JPEG"))).unchanged


async def test_a_film_is_known_by_its_bytes_and_by_its_first_frame(database, make):
    await make("a")
    known = Provenance(database)
    film = encoded(drawing(1), "WEBP", save_all=True, append_images=[drawing(2)])
    await known.posted("a", film, position=None)
    assert (await known.origin(film)).unchanged
    origin = await known.origin(encoded(drawing(1)))
    assert (origin.row.id, origin.position, origin.unchanged) == ("a", None, False)
    assert await known.origin(encoded(drawing(2))) is None


@pytest.mark.parametrize("data", [b"", b"hello", encoded(drawing(1))[:200]])
async def test_what_is_no_picture_is_refused(database, data):
    with pytest.raises(InvalidPicture):
        await Provenance(database).origin(data)


async def test_every_pair_within_reach_is_found_and_none_beyond(database, make):
    """Of two fingerprints that differ in 7 bits, one band differs in one bit at the most."""
    rng = random.Random(0)
    base = Fingerprint(shapes=rng.getrandbits(64), colours=bytes(192))
    await make("a")
    async with database.write() as connection:
        await provenance.add(connection, [Made(job_id="a", sha256="0" * 64, looks=base)])
    for apart in (0, 1, 3, 6, 7, 8):
        for _ in range(30):
            flipped = sum(1 << bit for bit in rng.sample(range(64), apart))
            looks = Fingerprint(shapes=base.shapes ^ flipped, colours=bytes(192))
            async with database.read() as connection:
                query = sa.select(picture_hashes).where(provenance._near(looks))
                rows = (await connection.execute(query)).all()
            found = provenance._nearest(looks, rows)
            assert (found is not None) == (apart <= provenance.MOST_BITS_APART)


async def test_the_search_uses_the_bands_indexes(database):
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL scans a table as empty as this one")
    looks = Fingerprint(shapes=1, colours=bytes(192))
    query = sa.select(picture_hashes).where(provenance._near(looks))
    async with database.read() as connection:
        sql = query.compile(connection.engine.sync_engine, compile_kwargs={"literal_binds": True})
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")
        steps = "\n".join(row.detail for row in plan)
    assert "SCAN" not in steps
    assert all(f"ix_picture_hashes_band_{number}" in steps for number in (1, 2, 3, 4))

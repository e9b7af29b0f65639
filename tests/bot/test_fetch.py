"""A prompt must not make the bot look into its operator's network."""

import socket

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests_support import png

from bot import fetch
from bot.errors import InvalidLink, InvalidPicture
from bot.fetch import Fetcher


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::", "224.0.0.1", "ff02::1",
    ],
)  # fmt: skip
def test_private_addresses_are_not_public(address):
    assert not fetch.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_addresses_of_the_open_internet_are_public(address):
    assert fetch.is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_mapped_into_ipv6_is_judged_as_itself(address):
    assert fetch.is_public(f"::ffff:{address}") == fetch.is_public(str(address))


@pytest.fixture
async def server():
    """Serves a picture at every path but some; tells what it was asked."""
    asked = []

    async def answer(request):
        asked.append(request.path)
        match request.path.rsplit("/", 1)[1]:
            case "away":
                raise web.HTTPFound("/secret/a.png")
            case "round":
                raise web.HTTPFound("/attachments/round")
            case "missing":
                raise web.HTTPNotFound
            case "text":
                return web.Response(text="hello")
        return web.Response(body=png(), content_type="image/png")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", asked
    await runner.cleanup()


async def test_attachments_of_the_configured_discord_are_fetched(server):
    url, _ = server
    data = await Fetcher(f"{url}/api/v10").link(f"{url}/attachments/1/2/a.png")
    assert data.startswith(b"\x89PNG")


@pytest.mark.parametrize("path", ["/secret/a.png", "/attachments/../secret/a.png", "/api/v10/x"])
async def test_other_paths_of_the_configured_discord_are_not(server, path):
    url, asked = server
    with pytest.raises(InvalidLink):
        await Fetcher(f"{url}/api/v10").link(f"{url}{path}")
    assert asked == []


async def test_a_redirect_into_the_network_is_not_followed(server):
    url, asked = server
    with pytest.raises(InvalidLink):
        await Fetcher(f"{url}/api/v10").link(f"{url}/attachments/away")
    assert asked == ["/attachments/away"]


async def test_redirects_end(server):
    url, asked = server
    with pytest.raises(InvalidLink):
        await Fetcher(f"{url}/api/v10").link(f"{url}/attachments/round")
    assert len(asked) == fetch.MAX_REDIRECTS + 1


@pytest.mark.parametrize(("name", "error"), [("missing", InvalidLink), ("text", InvalidPicture)])
async def test_what_is_no_picture_is_a_sentence(server, name, error):
    url, _ = server
    with pytest.raises(error):
        await Fetcher(f"{url}/api/v10").link(f"{url}/attachments/{name}")


async def test_a_picture_beyond_the_limit_is_refused_while_it_arrives(server, monkeypatch):
    url, _ = server
    monkeypatch.setattr("bot.gallery.MAX_UPLOAD_BYTES", 10)
    with pytest.raises(InvalidPicture, match="larger than"):
        await Fetcher(f"{url}/api/v10").link(f"{url}/attachments/a.png")


@pytest.mark.parametrize(
    "link",
    [
        "http://example.com/a.png",
        "https://127.0.0.1/a.png",
        "https://[::1]/a.png",
        "https://user:word@example.com/a.png",
        "https://2130706433/a.png",
        "https://0x7f.1/a.png",
        "https:///a.png",
        "ftp://example.com/a.png",
        "https://[broken/a.png",
    ],
)
async def test_links_that_are_not_public_https_are_refused(link):
    with pytest.raises(InvalidLink):
        await Fetcher().link(link)


async def test_a_name_that_resolves_to_a_private_address_is_refused(monkeypatch):
    async def private(*_, **__):
        return [{"host": "10.0.0.1", "port": 443, "family": socket.AF_INET}]

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", private)
    with pytest.raises(InvalidLink):
        await Fetcher().link("https://innocent.example/a.png")

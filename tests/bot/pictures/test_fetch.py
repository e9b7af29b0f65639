"""A prompt must not make the bot look into its operator's network."""

import asyncio
import socket

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests_support import png
from yarl import URL

from bot.errors import InvalidLink, InvalidPicture
from bot.pictures import fetch
from bot.pictures.fetch import Fetcher


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::", "224.0.0.1", "ff02::1",
        "64:ff9b::a00:1", "2002:a00:1::1", "fec0::1", "::7f00:1", "64:ff9b:1::a00:1", "2001::a00:1",
        "::ffff:0:10.0.0.1", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:7f00:1", "2002:7f00:1::",
        "fe80::1%eth0", "192.0.2.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "2001:db8::1",
        "3fff::1", "5f00::1", "100::1", "ff0e::1",
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


@pytest.mark.parametrize(
    "path",
    ["/secret/a.png", "/attachments/../secret/a.png", "/attachments/..%2fsecret", "/api/v10/x"],
)
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


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [("missing", InvalidLink, "error 404"), ("text", InvalidPicture, "not a picture")],
)
async def test_what_is_no_picture_is_a_sentence(server, name, error, sentence):
    url, _ = server
    with pytest.raises(error, match=sentence):
        await Fetcher(f"{url}/api/v10").link(f"{url}/attachments/{name}")


async def test_a_picture_beyond_the_limit_is_refused_while_it_arrives(server, monkeypatch):
    url, _ = server
    monkeypatch.setattr("bot.pictures.uploads.MAX_UPLOAD_BYTES", 10)
    with pytest.raises(InvalidPicture, match="larger than"):
        await Fetcher(f"{url}/api/v10").link(f"{url}/attachments/a.png")


@pytest.mark.parametrize(
    "link",
    [
        "http://example.com/a.png",
        "https://127.0.0.1/a.png",
        "https://[::1]/a.png",
        "https://user:word@example.com/a.png",
        "https:///a.png",
        "ftp://example.com/a.png",
        "https://[broken/a.png",
    ],
)
async def test_links_that_are_not_public_https_are_refused(link, monkeypatch):
    def opened(*_, **__):
        pytest.fail("a connection was about to be made")

    monkeypatch.setattr("aiohttp.ClientSession.get", opened)
    with pytest.raises(InvalidLink, match="must be a public https link"):
        await Fetcher().link(link)


async def test_names_resolve_to_their_public_addresses_only(monkeypatch):
    found = [
        {"host": host, "port": 443, "family": socket.AF_INET} for host in ("10.0.0.1", "8.8.8.8")
    ]

    async def resolve(*_, **__):
        return found

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", resolve)
    resolver = fetch._PublicResolver()
    assert [item["host"] for item in await resolver.resolve("mixed.example")] == ["8.8.8.8"]
    del found[1]
    with pytest.raises(OSError, match="no public address"):
        await resolver.resolve("private.example")


async def test_every_link_goes_through_that_resolver(monkeypatch):
    asked = []

    async def resolve(_self, host, *_, **__):
        asked.append(host)
        raise OSError

    monkeypatch.setattr("bot.pictures.fetch._PublicResolver.resolve", resolve)
    with pytest.raises(InvalidLink, match="could not be reached"):
        await Fetcher("http://127.0.0.1:9/api").link("https://innocent.example/a.png")
    assert asked == ["innocent.example"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "answered with error 503"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be read; attach the picture"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "cannot be read; attach the picture"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", "cannot be read; attach the picture"),
        (b"", "could not be reached"),
    ],
)
async def test_no_error_is_told_that_the_server_did_not_answer(answer, said):
    async def connected(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as listening:
        ours = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        with pytest.raises(InvalidLink, match=said):
            await Fetcher(f"{ours}/api").link(f"{ours}/attachments/1/2/a.png")


LOOPBACK = [
    "2130706433", "0177.0.0.1", "017700000001", "0x7f000001", "0x7f.0.0.1", "0X7F.1", "127.1", "0",
    "127.0.0.1.", "127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "①②⑦.⓪.⓪.①",
    "127。0。0。1", "localhost", "localhost.", "a.127.0.0.0x1",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
async def test_this_machine_is_reached_under_none_of_its_names(host):
    reached = []

    async def connected(_, writer):
        reached.append(host)
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(InvalidLink):
            await Fetcher().link(f"https://{host}:{port}/a.png")
    assert reached == []


@pytest.mark.parametrize("host", [host for host in LOOPBACK if not host.startswith("localhost")])
def test_an_address_in_another_writing_is_refused_before_anything_is_asked(host):
    with pytest.raises(ValueError, match=r"public|address|IP"):
        fetch._check(URL(f"https://{host}/a.png"))


@pytest.mark.parametrize(
    "host", ["example.com", "1.example", "0x7f.example", "8.8.8.8", "a1", "127-0-0-1.example"]
)
def test_names_and_public_addresses_are_not(host):
    fetch._check(URL(f"https://{host}/a.png"))


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/a.png",
        "https://127.0.0.1/a.png",
        "//10.0.0.1/a.png",
        "https://2130706433/",
        "file:///etc/passwd",
        "https://user@example.com/",
    ],
)
async def test_each_step_of_a_redirect_is_looked_at_anew(server, location, monkeypatch):
    url, _ = server
    checked, check = [], fetch._check

    def looked_at(link):
        checked.append(str(link))
        check(link)

    class Redirects:
        status, headers = 302, {"Location": location}

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

    monkeypatch.setattr(fetch, "_check", looked_at)
    monkeypatch.setattr("aiohttp.ClientSession.get", lambda *_, **__: Redirects())
    with pytest.raises(InvalidLink):
        await Fetcher(f"{url}/api/v10").link("https://innocent.example/a.png")
    assert len(checked) == 2, "the link, then where it led"


async def test_a_name_that_changes_its_address_is_not_asked_twice(monkeypatch):
    """DNS rebinding: what was checked is what is connected to."""
    asked, connected = [], []

    async def resolve(_self, host, port=0, family=socket.AF_INET):
        asked.append(host)
        address = "127.0.0.1" if len(asked) > 1 else "203.0.114.7"
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def connect(*_, addr_infos, **__):
        connected.extend(info[4][0] for info in addr_infos)
        raise OSError

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", resolve)
    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", connect)
    with pytest.raises(InvalidLink):
        await Fetcher().link("https://rebinding.example/a.png")
    assert set(connected) == {"203.0.114.7"}
    assert asked == ["rebinding.example"]

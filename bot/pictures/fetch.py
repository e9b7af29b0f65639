"""Members' pictures from where they are: Discord's attachments, and links in a prompt.

A link is only followed to public addresses, over HTTPS, for a limited time and size: a prompt must
not make the bot look into its operator's network.
"""

from __future__ import annotations

import asyncio
import copy
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot.errors import InvalidLink, InvalidPicture
from bot.pictures import uploads
from bot.pictures.decoding import Decoding
from bot.pictures.turns import Turns
from engine import Sentence

MAX_REDIRECTS = 3
TIMEOUT_S = 20.0
AT_ONCE = 8
"""Downloads at a time, for all members together."""
OF_A_MEMBER = 2
"""Of them for one member: links that hang delay nobody else's."""
_CHUNK = 64 * 1024
_TUNNELS = tuple(
    ipaddress.IPv6Network(net)
    for net in (
        *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fec0::/10", "::/96", "::ffff:0:0:0/96"),
        *("3fff::/20", "5f00::/16"),  # older Pythons take these for the open internet
    )
)
"""IPv6 addresses behind which an IPv4 address, perhaps a private one, may be reached."""


_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$", re.IGNORECASE)
"""The end of a host that is an address, written in whatever way: no name ends in a number."""


_ERRORS_FROM = 400


class _RefusedError(Exception):
    """The server answered with an error."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _PublicResolver(AbstractResolver):
    """Names only ever resolve to public addresses; the connection goes to what was checked."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        public = [item for item in found if is_public(item["host"])]
        if not public:
            raise OSError(None, f"{host} has no public address")
        return public

    async def close(self) -> None:
        await self._inner.close()


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    ip = mapped or ip
    tunnelled = isinstance(ip, ipaddress.IPv6Address) and any(ip in net for net in _TUNNELS)
    return ip.is_global and not ip.is_multicast and not tunnelled


class Fetcher:
    """Fetches and cleans pictures, members in turn."""

    def __init__(self, api_url: str = "") -> None:
        """api_url: DISCORD_API_URL; a playground serves attachments there, on loopback."""
        self._attachments = URL(api_url).origin() / "attachments" if api_url else None
        self._downloads = Turns(AT_ONCE, of_a_member=OF_A_MEMBER)
        self._cleaning = Turns(1, of_a_member=1)  # a large picture takes hundreds of megabytes
        self._decoding = Decoding()
        self._member = 0

    def of(self, member: int) -> Fetcher:
        """The same, at work for that member."""
        theirs = copy.copy(self)
        theirs._member = member  # noqa: SLF001 - of our own kind
        return theirs

    async def attachment(
        self, name: str, size_bytes: int, read: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """A clean PNG of an attached file; InvalidPicture, or what `read` raises, otherwise."""
        return await self.clean(await self.attached(name, size_bytes, read))

    async def link(self, link: str) -> bytes:
        """A clean PNG of what the link leads to; InvalidLink or InvalidPicture otherwise."""
        return await self.clean(await self.linked(link))

    async def attached(
        self, name: str, size_bytes: int, read: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """The attached file as it is; InvalidPicture where it is too large."""
        if size_bytes > uploads.MAX_UPLOAD_BYTES:
            raise InvalidPicture(
                Sentence(
                    "{file} has {size} MiB; send one of at most {limit} MiB.",
                    file=name,
                    size=f"{size_bytes / 2**20:.0f}",
                    limit=uploads.MAX_UPLOAD_BYTES // 2**20,
                )
            )
        async with self._downloads.turn(self._member):
            return await read()

    async def linked(self, link: str) -> bytes:
        """The file that the link leads to as it is; InvalidLink, or InvalidPicture if too large."""
        try:
            async with self._downloads.turn(self._member), asyncio.timeout(TIMEOUT_S):
                return await self._download(URL(link))
        except TimeoutError:
            raise InvalidLink(
                Sentence(
                    "{link} did not answer within {seconds} seconds.",
                    link=link,
                    seconds=f"{TIMEOUT_S:.0f}",
                )
            ) from None
        except ValueError:
            raise InvalidLink(
                Sentence(
                    "{link} could not be fetched; it must be a public https link to a picture.",
                    link=link,
                )
            ) from None
        except _RefusedError as error:
            raise InvalidLink(
                Sentence(
                    "{link} was answered with error {status}; check the link, or attach the "
                    "picture instead.",
                    link=link,
                    status=error.status,
                )
            ) from None
        except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError):
            raise InvalidLink(
                Sentence(
                    "What {link} was answered with cannot be read; attach the picture instead.",
                    link=link,
                )
            ) from None
        except (aiohttp.ClientError, OSError):
            raise InvalidLink(
                Sentence(
                    "{link} could not be reached; check the link, or attach the picture instead.",
                    link=link,
                )
            ) from None

    async def clean(self, data: bytes) -> bytes:
        """As `uploads.clean`, by another process, one at a time."""
        async with self._cleaning.turn(self._member):
            return await asyncio.to_thread(self._decoding.clean, data)

    def close(self) -> None:
        """End the process that decodes."""
        self._decoding.close()

    async def _download(self, url: URL) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            trusted = self._is_attachment(url)
            if not trusted:
                _check(url)
            connector = aiohttp.TCPConnector(resolver=None if trusted else _PublicResolver())
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                if response.status in (301, 302, 303, 307, 308):
                    url = url.join(URL(response.headers.get("Location", "")))
                    continue
                if response.status >= _ERRORS_FROM:
                    raise _RefusedError(response.status)
                return await _read(response)
        raise ValueError("too many redirects")

    def _is_attachment(self, url: URL) -> bool:
        """Whether the link leads to an attachment of the Discord that the operator configured."""
        ours = self._attachments
        return (
            ours is not None
            and url.absolute
            and url.user is None
            and url.origin() == ours.origin()
            and re.fullmatch(r"/attachments/[\w./-]+", url.raw_path) is not None
        )


def _check(url: URL) -> None:
    if url.scheme != "https" or not url.host or url.user is not None:
        raise ValueError("not a public https link")
    try:
        literal = ipaddress.ip_address(url.host)
    except ValueError:
        if _NUMBER.search(url.host):  # 127.1, 0x7f.1 and 2130706433 are addresses to some
            raise
        return
    if not is_public(str(literal)):
        raise ValueError("not a public address")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        data += chunk
        if len(data) > uploads.MAX_UPLOAD_BYTES:
            raise InvalidPicture(
                Sentence(
                    "The picture behind this link is larger than {limit} MiB.",
                    limit=uploads.MAX_UPLOAD_BYTES // 2**20,
                )
            )
    return bytes(data)

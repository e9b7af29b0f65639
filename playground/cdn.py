"""The store of attachments: files by path, served under signed addresses that expire."""

from __future__ import annotations

import hashlib
import hmac
import io
import mimetypes
import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from PIL import Image
from simcord.backend.cdn import CdnStore

from playground.simcord_bridge import Clock

LIFE_S = 24 * 3600
"""How long a signed address is valid; Discord's own are valid for about a day."""

DETACHED_KEPT = 200
"""How many files that no message shows any more are still kept; the oldest are deleted first."""

_ADDRESS_KEYS = {"url", "proxy_url", "icon_url", "proxy_icon_url"}
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9._()-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One stored file."""

    data: bytes
    content_type: str
    filename: str


class SignedCdn(CdnStore):
    """Stores attachments by path; an address is valid only with a signature that has not expired.

    base_url is set when the server knows its port. Stored messages contain addresses without a
    signature; `signed` adds one to everything that is sent to the bot or to a browser.
    """

    def __init__(self, *, clock: Clock, key: bytes, life_s: float = LIFE_S) -> None:
        super().__init__()
        self.base_url = "http://127.0.0.1"
        self._clock = clock
        self._key = key
        self._life_s = life_s
        self._files: dict[str, Blob] = {}
        self._detached: OrderedDict[str, None] = OrderedDict()

    def store_attachment(
        self,
        attachment_id: int,
        channel_id: int,
        filename: str,
        data: bytes,
        description: str | None,
    ) -> dict[str, Any]:
        """Keep the bytes and return the attachment as Discord describes it."""
        name = safe_name(filename)
        path = f"/attachments/{channel_id}/{attachment_id}/{quote(name)}"
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        self._files[path] = Blob(data=data, content_type=content_type, filename=name)
        url = self.base_url + path
        attachment: dict[str, Any] = {
            "id": str(attachment_id),
            "filename": name,
            "size": len(data),
            "url": url,
            "proxy_url": url,
            "content_type": content_type,
        }
        if description is not None:
            attachment["description"] = description
        if content_type.startswith("image/") and (size := picture_size(data)) is not None:
            attachment["width"], attachment["height"] = size
        return attachment

    def restore(self, attachment: Mapping[str, Any], data: bytes) -> None:
        """Store a file again under the address that an earlier playground gave it."""
        path = urlsplit(attachment["url"]).path
        content_type, name = str(attachment["content_type"]), str(attachment["filename"])
        self._files[path] = Blob(data=data, content_type=content_type, filename=name)

    def get(self, url: str) -> bytes | None:
        """The bytes at an address, signed or not; for the playground's own code."""
        blob = self._files.get(urlsplit(url).path)
        return None if blob is None else blob.data

    def open(self, path: str, query: str) -> Blob | None:
        """The file if the signature of the address is right and has not expired, else None."""
        fields = parse_qs(query)
        expires = fields.get("ex", [""])[0]
        signature = fields.get("hm", [""])[0]
        expected = self._signature(path, expires)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return None
        if int(expires, 16) < self._clock.now().timestamp():
            return None
        return self._files.get(path)

    def detach(self, url: str) -> None:
        """No message shows this file any more: it is deleted after DETACHED_KEPT others."""
        path = urlsplit(url).path
        if path not in self._files:
            return
        self._detached[path] = None
        while len(self._detached) > DETACHED_KEPT:
            gone, _ = self._detached.popitem(last=False)
            self._files.pop(gone, None)

    def signed(self, value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """A copy of a JSON value in which every address of this store has a new signature.

        Only the values of keys such as `url` are addresses. An address within a text stays as its
        author wrote it.
        """
        if isinstance(value, dict):
            copy = {
                key: self.sign(item)
                if key in _ADDRESS_KEYS and isinstance(item, str)
                else self.signed(item)
                for key, item in value.items()
            }
            if "embeds" in copy and "attachments" in copy:
                _show_attachments(copy)
            return copy
        if isinstance(value, list | tuple):
            return [self.signed(item) for item in value]
        return value

    def sign(self, url: str) -> str:
        """The address with a new signature; an address of another server is returned unchanged."""
        if not url.startswith(self.base_url + "/attachments/"):
            return url
        path = urlsplit(url).path
        expires = f"{int(self._clock.now().timestamp() + self._life_s):x}"
        return f"{self.base_url}{path}?ex={expires}&hm={self._signature(path, expires)}"

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._key, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()[:32]


def safe_name(filename: str) -> str:
    """A file's name as Discord keeps it: without folders, and only letters, digits and ._()-."""
    base = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return _UNSAFE_NAME.sub("_", base)[-120:] or "file"


def picture_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels, read from the header; None if the format is unknown."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _show_attachments(message: dict[str, Any]) -> None:
    """Replace `attachment://name` in a message's embeds by the address of that attachment."""
    by_name = {item.get("filename"): item for item in message["attachments"]}
    for embed in message["embeds"]:
        for part, key in (
            ("image", "url"),
            ("thumbnail", "url"),
            ("author", "icon_url"),
            ("footer", "icon_url"),
        ):
            holder = embed.get(part)
            link = holder.get(key) if isinstance(holder, dict) else None
            if isinstance(link, str) and link.startswith("attachment://"):
                attachment = by_name.get(link.removeprefix("attachment://"))
                if attachment is not None:
                    holder[key] = attachment["url"]
                    if key == "url" and "width" in attachment:
                        holder.update(width=attachment["width"], height=attachment["height"])

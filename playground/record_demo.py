"""Records the README's moving picture: a channel in Chromium, from `/imagine` over V3 to U1."""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from PIL import Image, ImageChops
from playwright.async_api import Page, async_playwright

from playground.refusal import Refused
from playground.testbed import Testbed, is_grid

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTH_PX, HEIGHT_PX = 820, 700
FRAME_S = 0.1
KEY_MS = 60
LONGEST_FRAME_MS = 500  # a longer wait is shortened to this
HOLD_MS = 1800
PREVIEWS_S = "0.5"  # as often as the bot shows them
QUALITIES = (80, 65, 50, 35)
LARGEST_BYTES = 1_500_000


class Recording:
    """Frames with the time each is shown; a frame equal to the last one prolongs that one."""

    def __init__(self) -> None:
        self._frames: list[Image.Image] = []
        self._shown_ms: list[int] = []

    def add(self, png: bytes, shown_ms: int) -> None:
        """Append one screenshot."""
        frame = Image.open(io.BytesIO(png)).convert("RGB")
        last = self._frames[-1] if self._frames else None
        if last is not None and ImageChops.difference(last, frame).getbbox() is None:
            held = max(self._shown_ms[-1], min(self._shown_ms[-1] + shown_ms, LONGEST_FRAME_MS))
            self._shown_ms[-1] = held
            return
        self._frames.append(frame)
        self._shown_ms.append(shown_ms)

    def hold(self) -> None:
        """Show the last frame long enough to look at it."""
        self._shown_ms[-1] = HOLD_MS

    def save(self, path: Path) -> int:
        """Write an animated WebP of at most LARGEST_BYTES if possible; the file's size in bytes."""
        first, *rest = self._frames
        for quality in QUALITIES:
            data = io.BytesIO()
            first.save(
                data,
                "WEBP",
                save_all=True,
                append_images=rest,
                duration=self._shown_ms,
                loop=0,
                quality=quality,
                method=4,
            )
            if data.tell() <= LARGEST_BYTES or quality == QUALITIES[-1]:
                path.write_bytes(data.getvalue())
                break
        return path.stat().st_size


async def record_demo(
    out: Path, *, prompt: str, timeout_s: float, command: Sequence[str] | None = None
) -> int:
    """Write playground.webp and playground.png into `out`; 0, or Refused in one sentence."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise Refused(
            "The recording needs Chromium, and there is none on the PATH: install chromium."
        )
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="darkroom-") as data_dir:
        async with Testbed(echo=sys.stderr) as testbed, async_playwright() as playwright:
            bot = await testbed.start_bot(
                command,
                environment={"DATA_DIR": data_dir, "PREVIEW_INTERVAL_S": PREVIEWS_S},
                connect_within_s=timeout_s,
            )
            await testbed.wait_for_command("imagine", timeout_s=timeout_s)
            if command is None:  # the real bot: a film of a model that loads is no joy
                async with asyncio.timeout(timeout_s):
                    await bot.wait_for_line("Loaded ")
            browser = await playwright.chromium.launch(
                executable_path=browser_path, args=list(BROWSER_ARGUMENTS)
            )
            page = await browser.new_page(
                viewport={"width": WIDTH_PX, "height": HEIGHT_PX}, color_scheme="dark"
            )
            await page.goto(testbed.url)
            size = await _play_and_record(testbed, page, out, prompt, timeout_s)
            await browser.close()
    print(f"Wrote {out / 'playground.webp'} ({size / 1e6:.2f} MB) and {out / 'playground.png'}.")
    return 0


async def _play_and_record(
    testbed: Testbed, page: Page, out: Path, prompt: str, timeout_s: float
) -> int:
    recording = Recording()

    async def take_frame(shown_ms: int = round(FRAME_S * 1000)) -> None:
        recording.add(await page.screenshot(), shown_ms)

    await page.get_by_test_id("composer-input").click()
    await take_frame()
    recording.hold()
    for key in ["/", *"imagine"]:
        await page.keyboard.type(key)
        await take_frame(KEY_MS)
    await page.keyboard.press("Enter")
    for character in prompt:
        await page.keyboard.type(character)
        await take_frame(KEY_MS)
    await page.keyboard.press("Enter")
    await _until_grids(testbed, page, 1, take_frame, timeout_s)
    recording.hold()
    await page.screenshot(path=out / "playground.png")
    await _press(page, "V3", take_frame)
    await _until_grids(testbed, page, 2, take_frame, timeout_s)
    recording.hold()
    await _press(page, "U1", take_frame)
    await _until_still(page, take_frame)
    recording.hold()
    return await asyncio.to_thread(recording.save, out / "playground.webp")


async def _press(page: Page, button: str, take_frame: Callable[[], Awaitable[None]]) -> None:
    """Press that button under the newest grid."""
    found = page.get_by_role("button", name=button, exact=True).last
    await found.hover()
    for _ in range(3):
        await take_frame()
    await found.click()


async def _until_grids(
    testbed: Testbed,
    page: Page,
    count: int,
    take_frame: Callable[[], Awaitable[None]],
    timeout_s: float,
) -> None:
    """Take frames until that many grids are finished and the page stands still."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while sum(map(is_grid, testbed.bot_messages())) < count:
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"No grid came within {timeout_s:g} s.")
        await take_frame()
        await asyncio.sleep(FRAME_S)
    await _until_still(page, take_frame)


async def _until_still(page: Page, take_frame: Callable[[], Awaitable[None]]) -> None:
    """Take frames for a while, until what was posted last is shown."""
    await page.mouse.move(WIDTH_PX - 40, 60)
    for _ in range(12):
        await asyncio.sleep(FRAME_S)
        await take_frame()

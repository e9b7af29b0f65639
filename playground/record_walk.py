"""Records the README's walk: a picture of what stands in the channel after each stop."""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, async_playwright

from playground.record_demo import BROWSER_ARGUMENTS, BROWSERS
from playground.refusal import Refused
from playground.say import Request, Session
from playground.testbed import Testbed
from playground.walk import take, walk

WIDTH_PX, HEIGHT_PX = 375, 2400  # of the page: a phone, so tall that every message is whole
SHEET_PX = 1200  # the width of the sheet
COLUMNS = 4
GAP_PX = 8
QUALITY = 82
LOADED = "() => [...document.images].every(image => image.complete && image.naturalWidth > 0)"


async def record_walk(out: Path, *, timeout_s: float) -> int:
    """Write the contact sheet of the walk; 0, or Refused in one sentence."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise Refused(
            "The recording needs Chromium, and there is none on the PATH: install chromium."
        )
    with tempfile.TemporaryDirectory(prefix="darkroom-") as temporary:
        data_dir, folder = Path(temporary) / "data", Path(temporary) / "walk"
        folder.mkdir()
        async with Testbed(echo=sys.stderr) as testbed, async_playwright() as playwright:
            await testbed.start_bot(
                environment={"DATA_DIR": str(data_dir)}, connect_within_s=timeout_s
            )
            await testbed.wait_for_command("imagine", timeout_s=timeout_s)
            browser = await playwright.chromium.launch(
                executable_path=browser_path, args=list(BROWSER_ARGUMENTS)
            )
            page = await browser.new_page(
                viewport={"width": WIDTH_PX, "height": HEIGHT_PX},
                device_scale_factor=1.5,
                color_scheme="dark",
            )
            await page.goto(testbed.url)
            session = Session(
                testbed,
                Request(
                    steps=(),
                    member="dora",
                    out=None,
                    data_dir=data_dir,
                    timeout_s=timeout_s,
                    verbose=False,
                ),
            )
            shots = []
            for stop in walk(folder):
                message = await take(session, stop, folder)
                shots.append(await _shot(page, message.id))
                print(f"{stop.title}: taken.", flush=True)
            await browser.close()
    size = await asyncio.to_thread(_save, shots, out)
    print(f"Wrote {out} ({size / 1e6:.2f} MB).")
    return 0


async def _shot(page: Page, message_id: int) -> Image.Image:
    shown = page.locator(f'[data-message-id="{message_id}"]')
    await shown.wait_for()
    await page.wait_for_function(LOADED)
    await page.mouse.move(0, 0)
    return Image.open(io.BytesIO(await shown.screenshot(animations="disabled"))).convert("RGB")


def sheet(shots: list[Image.Image]) -> Image.Image:
    """The pictures side by side, from left to right, in rows as high as their highest."""
    width = (SHEET_PX - (COLUMNS + 1) * GAP_PX) // COLUMNS
    scaled = [shot.resize((width, round(shot.height * width / shot.width))) for shot in shots]
    rows = [scaled[at : at + COLUMNS] for at in range(0, len(scaled), COLUMNS)]
    heights = [max(shot.height for shot in row) for row in rows]
    made = Image.new("RGB", (SHEET_PX, sum(heights) + GAP_PX * (len(rows) + 1)), "#15100f")
    top = GAP_PX
    for row, height in zip(rows, heights, strict=True):
        for column, shot in enumerate(row):
            made.paste(shot, (GAP_PX + column * (width + GAP_PX), top))
        top += height + GAP_PX
    return made


def _save(shots: list[Image.Image], out: Path) -> int:
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet(shots).save(out, quality=QUALITY, optimize=True)
    return out.stat().st_size

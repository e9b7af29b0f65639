"""A member who takes the steps of a walk on the page, by the keyboard alone."""

from __future__ import annotations

import re

from playground.steps import Click, Fill, Line, Step, split

MOST_TABS = 600


class PageMember:
    """Takes steps as `playground.steps` names them, on an open page."""

    def __init__(self, page):
        self._page = page

    async def take(self, step: Step) -> None:
        match step:
            case Line():
                await self._type(step)
            case Click():
                name = re.compile(rf"(^|\s){re.escape(step.button)}$")
                await self._press(self._page.get_by_role("button", name=name).last)
            case Fill():
                await self._fill(step)

    async def _type(self, line: Line) -> None:
        name, _, rest = line.text.removeprefix("/").partition(" ")
        sub = re.match(r"(remix)\b", rest) if name == "prefer" else None
        if sub:
            name, rest = f"{name} {sub[1]}", rest[sub.end() :]
        await self._compose()
        await self._page.keyboard.type(f"/{name} ")
        for field in line.files:
            option, _, path = field.partition("=")
            await self._attach(option, path)
        options = re.findall(r"(\w+): (.*?)(?=\s\w+: |$)", rest)
        for option, text in options:
            await self._tab_to(await self._slot(option), back=False)
            await self._page.keyboard.type(text)
        if options:
            await self._page.keyboard.press("Enter")
        else:
            await self._press(self._page.get_by_test_id("send"), back=False)

    async def _slot(self, option):
        """The field of an option, which is added if it is not there yet."""
        slot = self._page.locator(f'[data-testid=option-field][data-option="{option}"]')
        if not await slot.count():
            adding = f'[data-testid=add-option][data-option="{option}"]'
            await self._press(self._page.locator(adding), back=False)
        return slot

    async def _attach(self, option, path):
        slot = await self._slot(option)
        await self._tab_to(slot, back=False)
        await slot.set_input_files(path)  # what a file chooser of the system gives

    async def _fill(self, fill: Fill) -> None:
        form = self._page.get_by_role("dialog")
        await form.wait_for()
        for typed in fill.fields:
            label, value = split(typed)
            field = form.get_by_label(label)
            await self._tab_to(field, back=False)
            if value.startswith("@"):
                await field.set_input_files(value[1:])
            else:
                await self._page.keyboard.press("Control+A")
                await self._page.keyboard.type(value)
        await self._press(form.get_by_test_id("modal-submit"), back=False)
        await form.wait_for(state="hidden")

    async def _press(self, target, *, back=True):
        """Go there by Tab, or back from the composer by Shift+Tab, and press Enter."""
        if back:
            await self._compose()
        await self._tab_to(target, back=back)
        await self._page.keyboard.press("Enter")

    async def _compose(self):
        """Go to the composer, as `/` does from anywhere."""
        await self._page.keyboard.press("Escape")
        if not await self._is_focused(self._page.get_by_test_id("composer-input")):
            await self._page.keyboard.press("/")
            await self._page.keyboard.press("Backspace")

    async def _tab_to(self, target, *, back):
        await target.wait_for()
        for _ in range(MOST_TABS):
            if await self._is_focused(target):
                return
            await self._page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"Tab does not lead to {target}.")

    @staticmethod
    async def _is_focused(target):
        return await target.evaluate("element => element === document.activeElement")

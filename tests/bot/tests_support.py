"""What several tests of the bot read off messages and make of colours."""

import io

from PIL import Image

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

"""Which channels have room for another message."""

from bot.ui.channel_room import ChannelRoom


def test_the_fifth_message_has_room_five_seconds_after_the_first():
    room = ChannelRoom()
    for now_s in (0, 1, 2):
        room.sent(7, now_s)
    assert room.full(2) == {}
    room.sent(7, 4)
    room.sent(8, 4)
    assert room.full(4) == room.full(4.9) == {7: 5}
    assert room.full(5) == {}
    room.sent(7, 5)
    assert room.full(5) == {7: 6}, "the second one's time, as the first is long ago"


def test_nothing_is_kept_of_channels_that_are_quiet():
    room = ChannelRoom()
    for channel_id in range(100):
        room.sent(channel_id, 0)
    room.sent(100, 4)
    assert room.full(5) == {}
    assert set(room._sent_s) == {100}

"""What is free in glibc's heaps goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

from bot import __main__ as program
from bot import allocator
from bot.settings import Settings

GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")
needs_glibc = pytest.mark.skipif(not GLIBC, reason="Without glibc nothing of this was tried.")
BEGIN = """
import ctypes
from bot import allocator

def taken_mb():
    with open("/proc/self/statm") as file:
        _, resident, shared, *_ = map(int, file.read().split())
    return (resident - shared) * 4096 / 2**20

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
"""
THREADS = """
import concurrent.futures, tempfile
said = {said}
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    pool.submit(libc.malloc, 10_000).result()
libc.fopen.restype, libc.fclose.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
with tempfile.NamedTemporaryFile() as file:
    opened = libc.fopen(file.name.encode(), b"w")
    libc.malloc_info(0, opened)
    libc.fclose(opened)
    print(file.read().count(b"<heap nr="))
"""
HOLES = """
blocks = [libc.malloc(32 * 1024) for _ in range(2048)]  # 64 MB
for block in blocks:
    ctypes.memset(block, 1, 32 * 1024)
for number, block in enumerate(blocks):
    if number % 16:
        libc.free(block)
before = taken_mb()
assert allocator.give_back()
print(before - taken_mb())
"""
PICTURES = """
said = allocator.keep_apart("{device}")
libc.free(libc.malloc(2**24))  # after which glibc would take blocks of up to 16 MB from its heap
blocks = [libc.malloc(allocator.APART_BYTES) for _ in range(512)]  # 32 MB
for block in blocks:
    ctypes.memset(block, 1, allocator.APART_BYTES)
before = taken_mb()
for block in blocks[:-1]:  # the last one stays at the heap's end
    libc.free(block)
assert said == (before - taken_mb() > 20), said
print(before - taken_mb())
"""


def printed(code):
    """What a process of its own prints."""
    command = [sys.executable, "-c", BEGIN + code]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


@needs_glibc
def test_threads_share_one_heap():
    assert printed(THREADS.format(said="allocator.one_heap()")) == 1
    assert printed(THREADS.format(said="False")) > 1, "it is as it is without it"


@needs_glibc
def test_what_is_free_between_blocks_in_use_goes_back():
    assert printed(HOLES) > 40


@needs_glibc
@pytest.mark.parametrize("device", ["cuda:0 NVIDIA RTX 4090", "fake", ""])
def test_pixels_leave_when_they_are_freed_whatever_stays_beside_them(device):
    assert printed(PICTURES.format(device=device)) > 25


@needs_glibc
@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_where_the_processor_draws_its_blocks_stay_in_the_heap(device):
    assert printed(PICTURES.format(device=device)) < 5


@pytest.mark.parametrize("lacks", ["Linux", "glibc"])
def test_nothing_is_done_where_there_is_no_way_to_it(monkeypatch, lacks):
    if lacks == "Linux":
        monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not allocator.give_back()
    assert not allocator.keep_apart("fake")
    assert not allocator.one_heap()


async def test_the_running_bot_gives_back_again_and_again(monkeypatch, tmp_path):
    done = []
    monkeypatch.setattr(allocator, "give_back", lambda: done.append("given back"))
    chores = program._chores(Settings(data_dir=tmp_path), None, None)
    [chore] = [each for each in chores if each.name == "free memory"]
    await chore.work()
    assert (done, chore.every_s) == (["given back"], allocator.EVERY_S)

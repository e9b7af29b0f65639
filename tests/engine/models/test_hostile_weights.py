"""A file of weights that lies about itself is one sentence, and runs no code."""

import json
import pickle
import struct

import pytest

from engine import Engine, Failed, FailureKind
from engine.errors import JobError
from engine.models.lora_file import _outline, check_lora
from tests.engine import tiny_models

HUGE = 2**40


def file_of(header, data=b"\0" * 16, *, length=None):
    """A .safetensors file; header: as an object, or its bytes; length: what it claims to have."""
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(told) if length is None else length) + told + data


def tensor(dtype="F32", shape=(2, 2), offsets=(0, 16)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


LIES = {
    "nothing": b"",
    "half a length": b"\1\0\0",
    "a header longer than the file": file_of({"a": tensor()}, length=10_000),
    "a header of 2^63 bytes": file_of({"a": tensor()}, length=2**63),
    "a header of 2^64 - 1 bytes": file_of({"a": tensor()}, length=2**64 - 1),
    "a header of none": file_of({"a": tensor()}, length=0),
    "no JSON": file_of(b"{{{{{{{{"),
    "no UTF-8": file_of(b'{"\xff": 1}'),
    "a list": file_of([tensor()]),
    "JSON without end": file_of(b"[" * 50_000),
    "no such number format": file_of({"a": tensor("F999")}),
    "a shape below 0": file_of({"a": tensor(shape=(-2, -2))}),
    "a shape larger than its data": file_of({"a": tensor(shape=(HUGE, HUGE))}),
    "a shape that overflows": file_of({"a": tensor(shape=(2**32, 2**32, 4))}),
    "data behind the end": file_of({"a": tensor(offsets=(0, HUGE))}),
    "data that ends before it begins": file_of({"a": tensor(offsets=(16, 0))}),
    "data with a gap": file_of({"a": tensor(shape=(1, 2), offsets=(8, 16))}),
    "two on one place": file_of({"a": tensor(), "b": tensor()}),
    "data that nothing names": file_of({"a": tensor()}, b"\0" * 64),
    "a metadata that is no text": file_of({"__metadata__": {"a": [1]}, "a": tensor()}),
    "a pickle": pickle.dumps({"a": 1}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_a_damaged_file(tmp_path, lie):
    path = tmp_path / "odd.safetensors"
    path.write_bytes(LIES[lie])
    with pytest.raises(JobError, match=r"odd cannot be read: its file odd\.safetensors is damaged"):
        _outline("odd", path)


def test_a_true_header_is_read(tmp_path):
    path = tmp_path / "even.safetensors"
    path.write_bytes(file_of({"a": tensor()}))
    assert {name: tuple(found.shape) for name, found in _outline("even", path).items()} == {
        "a": (2, 2)
    }


def test_a_shape_with_a_side_of_nothing_takes_no_memory(tmp_path):
    path = tmp_path / "none.safetensors"
    path.write_bytes(file_of({"a": tensor(shape=(HUGE, 0), offsets=(0, 0))}, b""))
    assert _outline("none", path)["a"].numel() == 0


class Payload:
    """Runs something when it is read."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt", ".pth", ".pkl", ".safetensors"])
def test_a_pickle_runs_nothing_under_whatever_name(tmp_path, suffix):
    mark, path = tmp_path / "it-ran", tmp_path / f"odd{suffix}"
    path.write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(JobError, match="can run code" if suffix != ".safetensors" else "damaged"):
        check_lora("odd", path, None)
    assert not mark.exists()


async def test_a_pickle_that_is_named_as_weights_runs_nothing(weights, draw, tmp_path):
    mark, path = tmp_path / "it-ran", tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Payload(mark)))
    engine = Engine([tiny_models.spec("sd", path, config=weights("sd"))], device="cpu")
    await engine.start()
    try:
        end = [event async for event in engine.run(draw())][-1]
    finally:
        await engine.close()
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BROKEN_MODEL
    assert "model.safetensors" in end.reason and "\n" not in end.reason
    assert not mark.exists()

"""Errors are told apart by what each layer between torch and the card really says."""

from __future__ import annotations

import pytest
import torch

from engine.device.faults import is_out_of_memory, raise_if_lost
from engine.errors import EngineLost

NO_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("Triton Error [CUDA]: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
    MemoryError(),
)


@pytest.mark.parametrize("error", NO_MEMORY, ids=repr)
def test_memory_that_ran_out_is_known_and_costs_no_device(error):
    assert is_out_of_memory(error)
    raise_if_lost(error)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED"),
    ],
    ids=repr,
)
def test_a_poisoned_context_is_a_lost_device(error):
    assert not is_out_of_memory(error)
    with pytest.raises(EngineLost):
        raise_if_lost(error)


def test_what_a_job_says_of_memory_is_no_lack_of_it():
    assert not is_out_of_memory(ValueError("The memory of this prompt is out of memory."))

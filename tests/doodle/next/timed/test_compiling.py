import torch

from doodle.next.timed import compiling


def test_without_a_card_nothing_is_compiled():
    def network(seen):
        return seen

    assert compiling.fast(network, torch.device("cpu")) is network


def test_on_a_card_square_pictures_are_compiled_and_others_are_not(monkeypatch):
    kept = []
    compiler = torch._dynamo.config

    def compile_(network, *, dynamic):
        assert dynamic is False
        kept.append((compiler.recompile_limit, compiler.suppress_errors))
        return lambda *given: ("compiled", network(*given))

    monkeypatch.setattr(torch, "compile", compile_)
    with compiler.patch(recompile_limit=8, suppress_errors=False):
        compute = compiling.fast(lambda seen, more: (seen, more), torch.device("cuda"))
    assert kept == [(compiling.MOST, True)]

    word, (seen, more) = compute(torch.zeros(1, 2, 8, 8), 5)
    assert (word, more) == ("compiled", 5)
    assert seen.is_contiguous(memory_format=torch.channels_last)
    seen, more = compute(torch.zeros(1, 2, 8, 12), 5)
    assert (seen.shape, more) == ((1, 2, 8, 12), 5)

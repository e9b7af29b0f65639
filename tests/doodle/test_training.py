import pytest
import torch
from torch import nn

from doodle import recipe as recipes
from doodle.training import Plan, ResumeError, Run, fit, rate


def a_run(folder, recipe, **options):
    said = []
    return Run(folder=folder, fingerprint=recipe.fingerprint, say=said.append, **options), said


def a_line(value=0.0):
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, value)
    nn.init.constant_(model.bias, 0.0)
    return model


def towards_one(model):
    return lambda step: (model(torch.ones(4, 1)) - 1).square().mean() + 0 * step


PLAN = Plan(part="judge", steps=300, learning_rate=0.05)


def test_training_lowers_the_loss_and_logs_it(tiny, tmp_path):
    run, said = a_run(tmp_path, tiny)
    model = a_line()
    fit(run, PLAN, model, towards_one(model))
    assert towards_one(model)(0).item() < 1e-3
    assert "300/300" in said[-1]
    assert len((tmp_path / "losses.jsonl").read_text().splitlines()) == 6


def test_an_interrupted_run_goes_on_where_it_stopped(tiny, tmp_path):
    run, said = a_run(tmp_path, tiny)
    model = a_line()

    def stops(step):
        if step == 40:
            raise KeyboardInterrupt
        return towards_one(model)(step)

    with pytest.raises(KeyboardInterrupt):
        fit(run, PLAN, model, stops)
    assert "stopped at step 40" in said[-1]

    run, said = a_run(tmp_path, tiny, resume=True)
    again = a_line(9.0)
    steps = []

    def counted(step):
        steps.append(step)
        return towards_one(again)(step)

    fit(run, PLAN, again, counted)
    assert steps[0] == 40
    assert steps[-1] == 299
    assert run.finished("judge", 300)


def test_averaged_weights_are_what_remains(tiny, tmp_path):
    run, _ = a_run(tmp_path, tiny)
    plain, averaged = a_line(), a_line()
    short = Plan(part="judge", steps=30, learning_rate=0.05)
    fit(run, short, plain, towards_one(plain))
    smooth = Plan(part="denoiser", steps=30, learning_rate=0.05, ema=True)
    fit(run, smooth, averaged, towards_one(averaged))
    assert 0 < averaged.weight.item() < plain.weight.item()


def test_resuming_with_another_recipe_is_refused(tiny, other, tmp_path):
    run, _ = a_run(tmp_path, tiny)
    model = a_line()
    fit(run, PLAN, model, towards_one(model))
    run, _ = a_run(tmp_path, other, resume=True)
    with pytest.raises(ResumeError, match="another recipe"):
        fit(run, PLAN, model, towards_one(model))


def test_without_resume_old_checkpoints_are_not_looked_at(tiny, other, tmp_path):
    run, _ = a_run(tmp_path, tiny)
    model = a_line()
    fit(run, PLAN, model, towards_one(model))
    run, _ = a_run(tmp_path, other)
    assert run.load("judge") is None


def test_a_run_may_be_made_longer_but_nothing_else_may_change():
    cpu = recipes.load("cpu")
    from dataclasses import replace

    longer = replace(cpu, denoiser=replace(cpu.denoiser, steps=1))
    faster = replace(cpu, denoiser=replace(cpu.denoiser, learning_rate=1.0))
    assert longer.fingerprint("denoiser") == cpu.fingerprint("denoiser")
    assert faster.fingerprint("denoiser") != cpu.fingerprint("denoiser")
    assert faster.fingerprint("autoencoder") == cpu.fingerprint("autoencoder")


def test_the_learning_rate_warms_up_stays_and_falls_to_nothing():
    plan = Plan(part="denoiser", steps=1000, learning_rate=1.0, decay_from=0.5)
    assert rate(0, plan) < 0.05
    assert rate(300, plan) == 1.0
    assert 0.4 < rate(750, plan) < 0.6
    assert rate(999, plan) < 0.01


def test_an_unknown_recipe_names_those_there_are():
    with pytest.raises(recipes.RecipeError, match="cpu, full"):
        recipes.load("gpu")

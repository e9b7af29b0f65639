"""Where the time of a drawing goes, stage by stage, from its order to its files."""

from __future__ import annotations

from collections.abc import Mapping

from engine.bench.watch import Watch


def stages_s(watch: Watch, began_s: float, ended_s: float) -> Mapping[str, float]:
    """Seconds by stage of what was drawn between two moments, once all of it has ended.

    "before" is until the first pass, the reading of the words among it; "denoiser" and "decoder"
    are the networks' own time, on a card the card's; "after" is from the last decoded picture to
    the last file; "between" is what is left: the host's part that the networks waited for.
    """
    networks_s = {stage: networks.seconds() for stage, networks in watch.stages.items()}
    before_s = watch.ticks[0].called_s - began_s
    after_s = ended_s - watch.decoded_s
    drawn_s = networks_s["denoiser"] + networks_s["decoder"]
    return {
        "whole": ended_s - began_s,
        "before": before_s,
        "of these prompts": networks_s["prompts"],
        "denoiser": networks_s["denoiser"],
        "decoder": networks_s["decoder"],
        "between": ended_s - began_s - before_s - drawn_s - after_s,
        "after": after_s,
    }

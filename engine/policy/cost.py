"""The work of a job, in the queue's units."""

from __future__ import annotations

from engine.messages import DescribeJob, DrawJob, InitUse, Job, UpscaleJob, WordWeightsJob
from engine.policy.crop_layout import corners
from engine.policy.queue import Ticket
from engine.scheduler_table import evaluations

REFERENCE_PIXELS = 512 * 512
SOLO_WORK = 30.0
UPSCALER, DESCRIBER = "the upscaler", "the describer"
"""Names under which the model cache keeps the networks that no prompt chooses."""


def ticket_for(job: Job, *, solo: bool = False) -> Ticket:
    """Samples it brings to a pass, and evaluations of one sample at 512 × 512 px.

    solo: the job's model has the device to itself, so that it brings no samples to anybody's pass.
    """
    samples, work = 0, SOLO_WORK
    match job:
        case DrawJob():
            model = job.model
            samples = job.images * job.samples_a_row
            if job.enlarge > 1:
                large = (job.width_px * job.enlarge, job.height_px * job.enlarge)
                samples *= len(corners(large, (job.width_px, job.height_px)))
            drawn_over = job.inputs and job.init_use is not InitUse.PROMPT
            steps = job.steps * (job.strength if drawn_over else 1.0) * job.stop
            work = samples * max(1, evaluations(job.scheduler, max(1, round(steps))))
            work *= job.width_px * job.height_px / REFERENCE_PIXELS
        case UpscaleJob():
            model = UPSCALER
        case DescribeJob():
            model = DESCRIBER
        case WordWeightsJob():
            model = job.model
    if solo:
        samples = 0
    return Ticket(
        job_id=job.id,
        owner=job.owner,
        lane=job.lane,
        model=model,
        samples=samples,
        work=work,
        cap=job.running_cap,
    )

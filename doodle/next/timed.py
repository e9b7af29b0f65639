"""`python -m doodle.next.timed`: all stages of a recipe on one GPU, each within its seconds.

Every stage ends by the clock, with a learning rate that has then come down to zero, and saves what
it has learnt. A stage that fails is told, and the next ones go on with what there is.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import threading
import time
import traceback
from collections import deque
from itertools import combinations
from pathlib import Path

BEGAN = time.monotonic()
SHARES = {  # of the seconds that are left after the start
    "text": 0.045,
    "autoencoder": 0.185,
    "judge": 0.05,
    "pair": 0.065,
    "decoder": 0.055,
    "denoiser": 0.50,
    "folded": 0.10,
}
WISHED = {"square": 0.625, "siblings": 0.125, "wide": 0.25}  # as stock.kind_of gives turns
EMPTY_SHARE = 0.1


def torch_no_grad(method):  # noqa: ANN001, ANN201
    """Run a method without gradients; torch comes later than this file."""

    def without(*args, **named):  # noqa: ANN002, ANN003, ANN202
        with torch.no_grad():
            return method(*args, **named)

    return without


def say(text: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"{time.monotonic() - BEGAN:6.1f} {text}", flush=True)


def main() -> int:
    """Run all stages."""
    parser = argparse.ArgumentParser(prog="python -m doodle.next.timed")
    parser.add_argument("--recipe", default="full")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=560.0)
    parser.add_argument("--scenes", type=int, default=180_000)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--batch", type=float, default=1.0, help="share of the usual batches")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()

    from doodle.next import recipe as recipes  # noqa: PLC0415
    from doodle.next import stock as stocks  # noqa: PLC0415

    recipe = recipes.load(options.recipe)
    jobs = stocks.TEXT_JOBS + stocks.TUNING_JOBS + options.scenes // stocks.CHUNK
    stock = stocks.Stock(
        recipe, options.tokenizer, jobs=jobs, workers=options.workers, slots=3 * options.workers
    )
    say(f"{options.workers} processes draw {options.scenes} scenes")
    try:
        return Training(options, recipe, stock).run()
    finally:
        stock.stop()


class Training:
    """The stages, in their order."""

    def __init__(self, options: argparse.Namespace, recipe, stock) -> None:  # noqa: ANN001
        global torch, F, nn  # noqa: PLW0603 - only after the processes were forked
        import torch  # noqa: PLC0415
        import torch.nn.functional as F  # noqa: N812, PLC0415
        from torch import nn  # noqa: PLC0415

        self.o, self.recipe, self.stock = options, recipe, stock
        self.device = torch.device(options.device)
        if self.device.type == "cuda":
            if not torch.cuda.is_available():
                sys.exit("There is no GPU here; give --device cpu only for a trial.")
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True
            say(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
        torch.manual_seed(recipe.seed)
        options.out.mkdir(parents=True, exist_ok=True)
        self.dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        self.parts: dict[str, dict] = {}
        self.fill = Fill(options, recipe, stock, self.device)
        self.fill.start()
        self.ends_at = BEGAN + options.seconds

    def run(self) -> int:
        """Run all stages; return how many failed."""
        failed = 0
        left = list(SHARES)
        while left:
            name = left.pop(0)
            rest = max(0.0, self.ends_at - 16 - time.monotonic())
            self.span = rest * SHARES[name] / (SHARES[name] + sum(SHARES[n] for n in left))
            say(f"{name}: {self.span:.0f} s; {self.fill.told()}")
            try:
                getattr(self, name)()
            except Exception:  # noqa: BLE001 - the next stages shall run
                failed += 1
                say(f"{name} FAILED\n{traceback.format_exc()}")
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        say(f"ended; {failed} stages failed")
        return failed

    # -- stages ---------------------------------------------------------------------------------

    def text(self) -> None:
        """Teach the text encoder to name the parts of a caption."""
        from transformers import CLIPTokenizer  # noqa: PLC0415

        from doodle import text_encoder as old  # noqa: PLC0415

        words = CLIPTokenizer.from_pretrained(self.o.tokenizer.parent)
        self.end = words.eos_token_id
        self.empty = torch.full((77,), self.end, device=self.device)
        self.empty[0] = words.bos_token_id
        self.text_encoder = old.build(self.recipe, words)
        possible = list(self.fill.questions.values())
        width = self.recipe.text_encoder.width
        heads = nn.ModuleList(nn.Linear(width, len(each)) for each in possible)
        model = nn.ModuleDict({"encoder": self.text_encoder, "heads": heads})
        flat = Flat(model, self.device, self.dtype, rate=1e-3, decay=0.99)
        self.fill.wait(lambda: self.fill.texts > 0)

        def loss(_: float):  # noqa: ANN202
            chosen = torch.randint(self.fill.texts, (self.batch(512),), device=self.device)
            ids = self.fill.text_ids[chosen].long()
            wanted = self.fill.text_labels[chosen].long()
            hidden = self.text_encoder(ids).last_hidden_state
            states = old.ends(hidden, ids, self.end)
            return sum(
                F.cross_entropy(
                    head(states).float().flatten(0, 1), wanted[:, i].repeat_interleave(3),
                    ignore_index=-100,
                )
                for i, head in enumerate(heads)
            )  # fmt: skip

        self.loop("text", flat, loss)
        flat.use_average()
        self.keep("text", self.text_encoder, flat)

    def autoencoder(self) -> None:
        """Train encoder and decoder together."""
        from doodle.next import autoencoder as vae  # noqa: PLC0415

        self.vae = vae.build(self.recipe)
        flat = Flat(self.vae, self.device, self.dtype, rate=1.2e-3, warm=200)
        self.fill.wait(lambda: self.fill.pools["square"].count >= min(4000, self.o.scenes // 8))

        def loss(_: float):  # noqa: ANN202
            pictures = self.pictures_of(flat.steps)
            mean, spread = self.encode(pictures)
            latents = mean + (0.5 * spread).exp() * torch.randn_like(mean)
            kl = 0.5 * (mean.square() + spread.exp() - 1 - spread).mean()
            return vae.difference(self.decode(latents), pictures) + 1e-4 * kl

        self.loop("autoencoder", flat, loss, from_=0.5)
        flat.use_average()
        self.scale()
        self.keep("vae", self.vae, flat, scaling_factor=self.factor)
        self.check("autoencoder")

    def judge(self) -> None:
        """Train the judge on scenes of all shapes, half of them blurred."""
        from doodle.next import judge as judges  # noqa: PLC0415

        self.seeing = judges.Judge(self.recipe.vocabulary)
        flat = Flat(self.seeing, self.device, self.dtype, rate=2e-3, decay=0.995)
        asked = [list(self.fill.questions).index(name) for name in self.seeing.questions]

        def loss(_: float):  # noqa: ANN202
            pool = self.fill.any(flat.steps)
            chosen = pool.choose(self.batch(384))
            pictures = pool.pixels[chosen].to(self.dtype) / 127.5 - 1
            if flat.steps % 2:
                small = F.avg_pool2d(pictures, 4)
                pictures = F.interpolate(small, scale_factor=4, mode="bilinear")
            pictures = pictures + 0.05 * torch.randn_like(pictures)
            out = self.seeing(pictures)
            labels = pool.labels[chosen].long()
            return sum(
                F.cross_entropy(out[name].float(), labels[:, asked[i]])
                for i, name in enumerate(self.seeing.questions)
            )

        self.loop("judge", flat, loss, from_=0.4)
        flat.use_average()
        self.keep("judge", self.seeing, flat)

    def pair(self) -> None:
        """Train the CLIP pair: in every second batch groups of scenes differ in one part alone."""
        from doodle.next import pair as pairs  # noqa: PLC0415

        model = pairs.build(self.recipe, self.text_encoder)
        flat = Flat(model, self.device, self.dtype, rate=1e-3, decay=0.995)
        size = (pairs.SEEN_PX, pairs.SEEN_PX)

        def loss(_: float):  # noqa: ANN202
            count = self.batch(512) // 8 * 8
            if flat.steps % 2:
                pool = self.fill.pools["siblings"]
                groups = torch.randint(pool.count // 8, (count // 8,), device=self.device) * 8
                chosen = (groups[:, None] + torch.arange(8, device=self.device)).flatten()
                wording = torch.randint(4, 8, (count,), device=self.device)
            else:
                pool = self.fill.any(flat.steps // 2)
                chosen = pool.choose(count)
                wording = torch.randint(8, (count,), device=self.device)
            ids = pool.ids[chosen, wording].long()
            pictures = pool.pixels[chosen].float()
            small = F.interpolate(pictures, size=size, mode="bilinear", antialias=True)
            out = model(input_ids=ids, pixel_values=(small / 127.5 - 1).to(self.dtype))
            logits = out.logits_per_text.float()
            partner = torch.arange(count, device=self.device)
            return (F.cross_entropy(logits, partner) + F.cross_entropy(logits.T, partner)) / 2

        self.loop("pair", flat, loss, from_=0.4)
        flat.use_average()
        self.keep("pair", model, flat)

    def decoder(self) -> None:
        """Train the decoder further; the encoder, and with it the latents, stay what they are."""
        from doodle.next import autoencoder as vae  # noqa: PLC0415

        part = nn.ModuleList([self.vae.decoder, self.vae.post_quant_conv])
        flat = Flat(part, self.device, self.dtype, rate=6e-4)

        def loss(_: float):  # noqa: ANN202
            pictures = self.pictures_of(flat.steps)
            with torch.no_grad():
                latents = self.encode(pictures)[0]
                latents = latents + 0.05 / self.factor * torch.randn_like(latents)
            return vae.difference(self.decode(latents), pictures)

        self.loop("decoder", flat, loss)
        flat.use_average()
        self.keep("vae", self.vae, flat, scaling_factor=self.factor)
        self.check("decoder")

    def denoiser(self) -> None:
        """Train UNet and text encoder together on v-prediction."""
        from doodle.next import denoiser as unets  # noqa: PLC0415

        self.unet = unets.build(self.recipe)
        model = nn.ModuleDict({"text": self.text_encoder, "unet": self.unet})
        flat = Flat(model, self.device, self.dtype, rate=8e-4, warm=300)
        self.schedule()
        self.encode_all()

        def loss(share: float):  # noqa: ANN202
            if flat.steps % 400 == 399 and share < 0.8:
                self.encode_all()
            clean, ids, when = self.some(flat.steps, self.batch(512))
            ids = torch.where(
                torch.rand(len(ids), 1, device=self.device) < EMPTY_SHARE, self.empty, ids
            )
            noise = torch.randn_like(clean)
            a, s = self.signal[when].view(-1, 1, 1, 1), self.noise[when].view(-1, 1, 1, 1)
            context = self.text_encoder(ids).last_hidden_state
            guess = self.unet((a * clean + s * noise).to(self.dtype), when, context).sample
            return (guess.float() - (a * noise - s * clean)).square().mean()

        def save() -> None:
            self.keep("text", self.text_encoder, flat)
            self.keep("unet", self.unet, flat)

        self.loop("denoiser", flat, loss, from_=0.35, save=save)
        flat.use_average()
        self.keep("text", self.text_encoder, flat)
        self.keep("unet", self.unet, flat)

    def folded(self) -> None:
        """Teach a copy of the UNet what the guided one says, in one pass in place of two."""
        from doodle.next import denoiser as unets  # noqa: PLC0415

        guidance, high = self.choose_guidance()
        student = unets.build(self.recipe)
        student.load_state_dict({k: v.float() for k, v in self.unet.state_dict().items()})
        self.unet.requires_grad_(requires_grad=False)
        flat = Flat(student, self.device, self.dtype, rate=3e-4)

        def loss(_: float):  # noqa: ANN202
            clean, ids, when = self.some(flat.steps, self.batch(384))
            alone = torch.rand(len(ids), 1, device=self.device) < EMPTY_SHARE
            ids = torch.where(alone, self.empty, ids)
            a, s = self.signal[when].view(-1, 1, 1, 1), self.noise[when].view(-1, 1, 1, 1)
            noisy = (a * clean + s * torch.randn_like(clean)).to(self.dtype)
            with torch.no_grad():
                context = self.text_encoder(ids).last_hidden_state
                wanted = self.guided(self.unet, noisy, when, context, guidance, high)
            return (student(noisy, when, context).sample.float() - wanted).square().mean()

        def save() -> None:
            self.keep("folded", student, flat)

        self.loop("folded", flat, loss, save=save)
        flat.use_average()
        self.keep("folded", student, flat)
        for steps in (4, 6, 8, 12):
            say(f"folded, {steps} steps: {self.measure(student, None, 0, steps)}")

    # -- what they share ------------------------------------------------------------------------

    def batch(self, usual: int) -> int:
        """Return the batch for this trial or training."""
        return max(8, round(usual * self.o.batch))

    def loop(self, name: str, flat: Flat, loss, *, from_: float = 0.0, save=None) -> None:  # noqa: ANN001
        """Take steps until the stage's seconds are over."""
        began, last_said, last_saved = time.monotonic(), 0.0, time.monotonic()
        total = torch.zeros((), device=self.device)
        since = failures = 0
        waiting: deque = deque()
        while (passed := time.monotonic() - began) < self.span:
            share = passed / self.span
            try:
                value = loss(share)
                value.backward()
                flat.step(share, from_)
            except torch.OutOfMemoryError:
                failures += 1
                self.o.batch /= 2
                flat.grad.zero_()
                torch.cuda.empty_cache()
                say(f"{name}: not enough memory, batches are halved")
                if failures > 4:  # noqa: PLR2004
                    raise
                continue
            total += value.detach()
            since += 1
            if self.device.type == "cuda":  # no more than two steps ahead of the device
                event = torch.cuda.Event()
                event.record()
                waiting.append(event)
                if len(waiting) > 2:  # noqa: PLR2004
                    waiting.popleft().synchronize()
            if time.monotonic() - last_said > 6:  # noqa: PLR2004
                mean = float(total) / since
                pace = flat.steps / max(1e-9, time.monotonic() - began)
                say(f"{name}: step {flat.steps}, loss {mean:.4f}, {pace:.1f} steps/s")
                total.zero_()
                since, last_said = 0, time.monotonic()
            if save and time.monotonic() - last_saved > 45:  # noqa: PLR2004
                save()
                last_saved = time.monotonic()
        memory = torch.cuda.max_memory_allocated() / 1e9 if self.device.type == "cuda" else 0
        say(f"{name}: done after {flat.steps} steps, {memory:.1f} GB at most")

    def pictures_of(self, step: int):  # noqa: ANN201
        """Return crops, in every second step fewer whole pictures: (B, 3, H, W) from -1 to 1."""
        if step % 2:
            pool = self.fill.any(step // 2)
            pixels = pool.pixels[pool.choose(self.batch(32))]
        else:
            pool = self.fill.pools["square"]
            whole = pool.pixels[pool.choose(self.batch(64))]
            parts = []
            for corner in range(2):
                x, y = torch.randint(129, (2,)).tolist()
                parts.append(whole[corner::2, :, y : y + 128, x : x + 128])
                x, y = torch.randint(129, (2,)).tolist()
                parts.append(whole[corner::2, :, y : y + 128, x : x + 128])
            pixels = torch.cat(parts)
        return pixels.float() / 127.5 - 1

    def encode(self, pictures):  # noqa: ANN001, ANN201
        """Return mean and log of the variance of latents, not scaled."""
        moments = self.vae.quant_conv(self.vae.encoder(pictures.to(self.dtype))).float()
        mean, spread = moments.chunk(2, dim=1)
        return mean, spread.clamp(-30, 20)

    def decode(self, latents):  # noqa: ANN001, ANN201
        """Return pictures from -1 to 1 of latents that are not scaled."""
        latents = self.vae.post_quant_conv(latents.to(self.dtype))
        return self.vae.decoder(latents).float()

    @torch_no_grad
    def scale(self) -> None:
        """Measure what gives latents a standard deviation of 1."""
        pool = self.fill.pools["square"]
        n = self.batch(32)
        seen = [self.encode(self._shown(pool, range(i * n, i * n + n)))[0] for i in range(8)]
        self.factor = 1 / float(torch.cat(seen).std())

    def _shown(self, pool, numbers):  # noqa: ANN001, ANN202
        chosen = torch.tensor(list(numbers), device=self.device) % max(1, pool.count)
        return pool.pixels[chosen].float() / 127.5 - 1

    @torch_no_grad
    def check(self, name: str) -> None:
        """Tell how well pictures come back, and write a sheet of some."""
        from PIL import Image  # noqa: PLC0415

        pictures = self._shown(self.fill.pools["square"], range(self.batch(64)))
        again = self.decode(self.encode(pictures)[0]).clamp(-1, 1)
        error = (again - pictures).square().mean() / 4

        def energy(x):  # noqa: ANN001, ANN202
            return sum(x.diff(dim=dim).square().mean() for dim in (-1, -2))

        say(f"{name}: PSNR {-10 * float(error.log10()):.2f} dB, sharpness "
            f"{float(energy(again) / energy(pictures)):.3f}, factor {self.factor:.3f}")  # fmt: skip
        rows = torch.cat([pictures[:8], again[:8]])
        pixels = ((rows + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        sheet = Image.new("RGB", (8 * 256, 512))
        for i, each in enumerate(pixels):
            sheet.paste(Image.fromarray(each), (i % 8 * 256, i // 8 * 256))
        sheet.save(self.o.out / "sheet.jpg", quality=85)

    @torch_no_grad
    def encode_all(self) -> None:
        """Encode all scenes that have come since the last time."""
        before = sum(pool.encoded for pool in self.fill.pools.values())
        started = time.monotonic()
        for pool in self.fill.pools.values():
            if pool.latents is None:
                shape = (pool.most, self.recipe.autoencoder.latents, pool.size[1] // 8)
                pool.latents = torch.empty(
                    (*shape, pool.size[0] // 8), dtype=self.dtype, device=self.device
                )
            while pool.encoded < pool.count:
                last = min(pool.count, pool.encoded + self.batch(128))
                pixels = pool.pixels[pool.encoded : last].float() / 127.5 - 1
                pool.latents[pool.encoded : last] = self.encode(pixels)[0] * self.factor
                pool.encoded = last
        count = sum(pool.encoded for pool in self.fill.pools.values())
        if count > before:
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            say(f"encoded {count - before} scenes in {time.monotonic() - started:.1f} s")

    def schedule(self) -> None:
        """Set the shares of signal and noise at each of 1,000 times."""
        from diffusers import DDPMScheduler  # noqa: PLC0415

        from doodle import weights  # noqa: PLC0415

        kept = DDPMScheduler(**weights.NOISE).alphas_cumprod.to(self.device)
        self.signal, self.noise = kept.sqrt(), (1 - kept).sqrt()

    def some(self, step: int, count: int):  # noqa: ANN201
        """Return latents (B, C, h, w), ids (B, 77) and times (B,) of scenes of one size."""
        pool = self.fill.any(step, encoded=True)
        count = max(8, count * 256 * 256 // (pool.size[0] * pool.size[1]))
        chosen = torch.randint(pool.encoded, (count,), device=self.device)
        wording = torch.randint(8, (count,), device=self.device)
        even = (torch.randperm(count, device=self.device) + torch.rand(count, device=self.device))
        when = (even * 1000 / count).long().clamp(0, 999)
        return pool.latents[chosen].float(), pool.ids[chosen, wording].long(), when

    def guided(self, unet, noisy, when, context, guidance: float, high: float):  # noqa: ANN001, ANN201, PLR0913
        """Return the guided v: `guidance` up to time 700, falling to `high` at 1000."""
        empty = self.text_encoder(self.empty[None]).last_hidden_state.expand(len(noisy), -1, -1)
        both = unet(torch.cat([noisy, noisy]), torch.cat([when, when]), torch.cat([empty, context]))
        plain, asked = both.sample.float().chunk(2)
        fallen = ((when.float() - 700) / 300).clamp(0, 1).view(-1, 1, 1, 1)
        return plain + (guidance + (high - guidance) * fallen) * (asked - plain)

    @torch_no_grad
    def sample(self, unet, ids, guidance: float | None, high: float, steps: int):  # noqa: ANN001, ANN201, PLR0913
        """Return pictures from -1 to 1 for ids (B, 77), by DPM-Solver++ (Lu et al. 2022)."""
        from diffusers import DPMSolverMultistepScheduler  # noqa: PLC0415

        from doodle import weights  # noqa: PLC0415

        solver = DPMSolverMultistepScheduler(
            **weights.NOISE, algorithm_type="dpmsolver++", solver_order=2,
            timestep_spacing="trailing",
        )  # fmt: skip
        solver.set_timesteps(steps, device=self.device)
        generator = torch.Generator(self.device).manual_seed(7)
        shape = (len(ids), self.recipe.autoencoder.latents, 32, 32)
        latents = torch.randn(shape, generator=generator, device=self.device)
        context = self.text_encoder(ids).last_hidden_state
        for time_ in solver.timesteps:
            when = time_.long().expand(len(ids))
            noisy = latents.to(self.dtype)
            if guidance is None:
                v = unet(noisy, when, context).sample.float()
            else:
                v = self.guided(unet, noisy, when, context, guidance, high)
            latents = solver.step(v, time_, latents).prev_sample
        return self.decode(latents / self.factor).clamp(-1, 1)

    @torch_no_grad
    def measure(self, unet, guidance: float | None, high: float, steps: int) -> dict:  # noqa: ANN001
        """Return shares of held-out tuning scenes drawn right, and how much grids vary."""
        pool = self.fill.tuning
        every = range(0, pool.count, 64)
        made = torch.cat(
            [self.sample(unet, pool.ids[i : min(i + 64, pool.count), 0].long(), guidance, high, steps)
             for i in every]
        )  # fmt: skip
        real = pool.pixels[: pool.count].float() / 127.5 - 1
        names = ("subject", "colour", "place", "style")
        found = {}
        right = torch.ones(pool.count, dtype=torch.bool, device=self.device)
        for name, out in self.seeing(made.to(self.dtype)).items():
            if name in names:
                label = pool.labels[: pool.count, list(self.fill.questions).index(name)].long()
                good = out.argmax(1) == label
                right &= good
                found[name] = round(float(good.float().mean()), 3)

        def spread(x):  # noqa: ANN001, ANN202
            grids = F.avg_pool2d(x, 16).flatten(1).view(-1, 4, 3 * 16 * 16)
            apart = [(grids[:, a] - grids[:, b]).norm(dim=-1) for a, b in combinations(range(4), 2)]
            return float(torch.stack(apart).mean())

        def energy(x):  # noqa: ANN001, ANN202
            return float(sum(x.diff(dim=dim).square().mean() for dim in (-1, -2)))

        return {
            "all": round(float(right.float().mean()), 3), **found,
            "diversity": round(spread(made) / spread(real), 3),
            "sharpness": round(energy(made) / energy(real), 3),
        }  # fmt: skip

    def choose_guidance(self) -> tuple[float, float]:
        """Return the guidance at most times and at the highest noise, by the judge."""
        best, chosen = -1.0, (2.5, 2.5)
        try:
            for guidance in (1.5, 2.0, 2.5, 3.0, 4.0):
                for high in dict.fromkeys((guidance, 1.0 + (guidance - 1) / 2)):
                    seen = self.measure(self.unet, guidance, high, 12)
                    value = seen["all"] + 0.5 * min(seen["diversity"], 0.85)
                    say(f"guidance {guidance} and {high}: {seen}")
                    if value > best:
                        best, chosen = value, (guidance, high)
        except Exception:  # noqa: BLE001
            say(f"guidance could not be measured\n{traceback.format_exc()}")
        say(f"guidance {chosen} is folded in")
        return chosen

    def keep(self, name: str, model, flat: Flat, **more: float) -> None:  # noqa: ANN001
        """Write the parts trained so far, in fp16, in files of less than 16 MB."""
        from safetensors.torch import save_file  # noqa: PLC0415

        whole = {**dict(model.named_buffers()), **dict(model.named_parameters())}
        state = {f"{name}.{k}": flat.averaged(v).detach().half().cpu().contiguous()
                 for k, v in whole.items() if v.is_floating_point()}  # fmt: skip
        state |= {f"{name}.{k}": torch.tensor([v]) for k, v in more.items()}
        self.parts[name] = state
        halves: dict[str, dict] = {}
        if name in {"unet", "folded"}:
            cut, size = 0, 0
            for key, value in state.items():
                cut += size > 12e6 and not cut  # noqa: PLR2004
                size += 2 * value.numel()
                halves.setdefault(f"{name}-{cut}", {})[key] = value
        elif name == "pair":
            halves["pair"] = state
        else:
            halves["small"] = {
                k: v for each in ("vae", "text", "judge") for k, v in self.parts.get(each, {}).items()
            }
        for file, tensors in halves.items():
            partial = self.o.out / f"{file}.partial"
            save_file(tensors, partial)
            partial.replace(self.o.out / f"{file}.safetensors")


class Flat:
    """AdamW (Loshchilov & Hutter 2019) over all weights as one fp32 tensor, their average beside.

    The model computes in `dtype`; its weights and gradients are parts of one tensor each.
    """

    def __init__(self, model, device, dtype, *, rate: float, warm: int = 100,  # noqa: ANN001, PLR0913
                 decay: float = 0.999) -> None:  # fmt: skip
        self.rate, self.warm, self.decay, self.steps = rate, warm, decay, 0
        model.train()
        # Whatever came from an earlier stage is whole again, not in parts of its tensor.
        weights = [p for p in model.parameters() if p.requires_grad]
        self.master = torch.cat([p.detach().float().flatten().to(device) for p in weights])
        for p in weights:
            p.grad = None
        model.to(device=device, dtype=dtype)
        weights = [p for p in model.parameters() if p.requires_grad]
        self.half = self.master.to(dtype)
        self.grad = torch.zeros_like(self.half)
        at, self.places, self.weights = 0, {}, weights
        for p in weights:
            self.places[id(p)] = at
            p.data = self.half[at : at + p.numel()].view(p.shape)
            p.grad = self.grad[at : at + p.numel()].view(p.shape)
            at += p.numel()
        self.first, self.second = torch.zeros_like(self.master), torch.zeros_like(self.master)
        self.average = self.master.clone()

    @torch_no_grad
    def step(self, share: float, from_: float) -> None:
        """Take a step; the rate falls from that share of the stage to zero at its end."""
        self.steps += 1
        fallen = max(0.0, (share - from_) / (1 - from_))
        rate = self.rate * min(1.0, self.steps / self.warm) * 0.5 * (1 + math.cos(math.pi * fallen))
        g = self.grad.float()
        norm = g.norm()
        g = torch.nan_to_num(g, 0.0, 0.0, 0.0)
        g.mul_(torch.where(norm.isfinite(), (1 / norm).clamp(max=1.0), torch.zeros_like(norm)))
        self.first.lerp_(g, 0.1)
        self.second.mul_(0.99).addcmul_(g, g, value=0.01)
        root = (self.second / (1 - 0.99**self.steps)).sqrt_().add_(1e-8)
        self.master.mul_(1 - rate * 1e-2)
        self.master.addcdiv_(self.first, root, value=-rate / (1 - 0.9**self.steps))
        self.average.lerp_(self.master, 1 - min(self.decay, (1 + self.steps) / (10 + self.steps)))
        self.half.copy_(self.master)
        self.grad.zero_()

    @torch_no_grad
    def use_average(self) -> None:
        """Give the model the averaged weights."""
        self.half.copy_(self.average)

    def averaged(self, weight):  # noqa: ANN001, ANN201
        """Return the average of a weight in fp32; what is not trained here, as it is."""
        if id(weight) not in self.places:
            return weight
        at = self.places[id(weight)]
        return self.average[at : at + weight.numel()].view(weight.shape)


class Pool:
    """All scenes of one kind and size, on the device."""

    def __init__(self, most: int, size: tuple[int, int], device) -> None:  # noqa: ANN001
        self.most, self.size, self.count, self.encoded = max(64, most), size, 0, 0
        shape = (self.most, 3, size[1], size[0])
        self.pixels = torch.empty(shape, dtype=torch.uint8, device=device)
        self.ids = torch.empty((self.most, 8, 77), dtype=torch.int16, device=device)
        self.labels = torch.empty((self.most, 8), dtype=torch.int16, device=device)
        self.latents = None

    def choose(self, count: int):  # noqa: ANN201
        """Return `count` random numbers of scenes."""
        return torch.randint(self.count, (count,), device=self.pixels.device)


class Fill(threading.Thread):
    """Takes drawn scenes to the device as they come."""

    def __init__(self, options, recipe, stock, device) -> None:  # noqa: ANN001
        super().__init__(daemon=True)
        from doodle.next import stock as stocks  # noqa: PLC0415

        self.stock, self.device = stock, device
        self.questions = stocks.answers(recipe.vocabulary)
        jobs = options.scenes // stocks.CHUNK
        most: dict[tuple, int] = {}
        for job in range(jobs):
            key = stocks.kind_of(job + stocks.TEXT_JOBS + stocks.TUNING_JOBS)
            most[key] = most.get(key, 0) + stocks.CHUNK
        self.pools = {
            kind if kind != "wide" else f"{size[0]}x{size[1]}": Pool(count, size, device)
            for (kind, size), count in most.items()
        }
        self.tuning = Pool(stocks.CHUNK * stocks.TUNING_JOBS, stocks.SQUARE, device)
        self.jobs, self.done, self.texts, self.took_s = stock.jobs, 0, 0, 0.0
        count = stocks.TEXTS * stocks.TEXT_JOBS
        self.text_ids = torch.empty((count, 77), dtype=torch.int16, device=device)
        self.text_labels = torch.empty((count, 8), dtype=torch.int16, device=device)
        self.stream = torch.cuda.Stream() if device.type == "cuda" else None
        self.wides = [name for name in self.pools if "x" in name]

    def run(self) -> None:
        """Copy until all jobs are done."""
        while self.done < self.jobs:
            ready = self.stock.ready.get()
            self.done += 1
            try:
                if self.stream:
                    with torch.cuda.stream(self.stream):
                        self._take(ready)
                else:
                    self._take(ready)
            except Exception:  # noqa: BLE001 - the next ones may be good
                say(f"a chunk was lost\n{traceback.format_exc()}")
            self.stock.free.put(ready.slot)
        say(f"all scenes are drawn: {self.took_s / max(1, self.scenes()) * 1000:.1f} ms each")

    def _take(self, ready) -> None:  # noqa: ANN001
        if ready.kind == "error":
            say(f"a process could not draw: {ready.error}")
            return
        self.took_s += ready.took_s
        ids, labels = (torch.from_numpy(each.copy()) for each in
                       (self.stock.ids(ready), self.stock.labels(ready)))  # fmt: skip
        if ready.kind == "text":
            part = slice(self.texts, self.texts + ready.count)
            self.text_ids[part], self.text_labels[part] = ids, labels
            self._settle()
            self.texts += ready.count
            return
        name = ready.kind if ready.kind != "wide" else f"{ready.size[0]}x{ready.size[1]}"
        pool = self.tuning if name == "tuning" else self.pools[name]
        part = slice(pool.count, pool.count + ready.count)
        pool.pixels[part] = torch.from_numpy(self.stock.pixels(ready).copy())
        pool.ids[part], pool.labels[part] = ids, labels
        self._settle()
        pool.count += ready.count

    def _settle(self) -> None:
        if self.stream:
            self.stream.synchronize()

    def any(self, step: int, *, encoded: bool = False):  # noqa: ANN201
        """Return the pool whose turn it is; the square one if that is still empty."""
        turn = step * 5 % 8  # 5 in 8 square, 1 siblings, 2 wide
        if turn == 1:
            pool = self.pools["siblings"]
        elif turn in {3, 6} and self.wides:
            pool = self.pools[self.wides[(step // 8 * 2 + (turn == 3)) % len(self.wides)]]  # noqa: PLR2004
        else:
            pool = self.pools["square"]
        return pool if (pool.encoded if encoded else pool.count) > 0 else self.pools["square"]

    def scenes(self) -> int:
        """Return how many scenes have come."""
        return sum(pool.count for pool in self.pools.values())

    def told(self) -> str:
        """Say what has come."""
        return f"{self.texts} texts and {self.scenes()} scenes so far"

    def wait(self, enough) -> None:  # noqa: ANN001
        """Wait until there is enough, at most 60 seconds."""
        until = time.monotonic() + 60
        while not enough() and time.monotonic() < until:
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())

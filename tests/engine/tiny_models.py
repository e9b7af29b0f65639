"""Tiny randomly initialised copies of the families, built from configs; seeds are fixed."""

from __future__ import annotations

from pathlib import Path

import gguf
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
    BlipTextConfig,
    BlipVisionConfig,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Qwen3Config,
    Qwen3Model,
    Swin2SRConfig,
    Swin2SRForImageSuperResolution,
    T5Config,
    T5EncoderModel,
)

from engine import ModelInfo, ModelSpec
from engine.families import FAMILIES
from tests.engine import tiny_translators

WORDS = ["red", "blue", "cat", "dog", "night", "a", "at", "the", "sea", "very"]


def tokenizer(length=77):
    """A CLIP tokenizer of single bytes and ten words."""
    symbols = sorted(ByteLevel.alphabet())
    vocabulary = symbols + [symbol + "</w>" for symbol in symbols]
    merges = []
    for word in WORDS:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            merges.append((pieces[0], pieces[1]))
            pieces[:2] = [pieces[0] + pieces[1]]
            vocabulary.append(pieces[0])
    vocabulary = [*dict.fromkeys(vocabulary), "<|startoftext|>", "<|endoftext|>"]
    names = {name: number for number, name in enumerate(vocabulary)}
    return CLIPTokenizer(vocab=names, merges=list(dict.fromkeys(merges)), model_max_length=length)


def text_config(words, hidden=32, projection=32):
    return CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=hidden,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        projection_dim=projection,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )


def autoencoder(channels=4, **options):
    return AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=64,
        **options,
    ).eval()


def unet(in_channels=4, **options):
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=8,
        cross_attention_dim=options.pop("cross_attention_dim", 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **options,
    ).eval()


def scheduler(**options):
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        **options,
    )


def stable_diffusion(in_channels=4, **of_scheduler):
    torch.manual_seed(1)
    words = tokenizer()
    return StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=CLIPTextModel(text_config(words)).eval(),
        tokenizer=words,
        unet=unet(in_channels),
        scheduler=scheduler(**of_scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def clip_text(words, hidden=32):
    """A text encoder with a projected pooled output."""
    return CLIPTextModelWithProjection(text_config(words, hidden)).eval()


def sdxl(in_channels=4, second=32):
    torch.manual_seed(2)
    words = tokenizer()
    return StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=CLIPTextModel(text_config(words)).eval(),
        text_encoder_2=clip_text(words, second),
        tokenizer=words,
        tokenizer_2=words,
        unet=unet(
            in_channels,
            cross_attention_dim=32 + second,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=32 + 6 * 8,
            transformer_layers_per_block=(1, 1),
            use_linear_projection=True,
        ),
        scheduler=EulerDiscreteScheduler.from_config(scheduler().config),
        force_zeros_for_empty_prompt=True,
    )


def t5(words, size=32):
    config = T5Config(
        vocab_size=len(words), d_model=size, d_ff=64, d_kv=8, num_layers=2, num_heads=4
    )
    return T5EncoderModel(config).eval()


def flow_autoencoder():
    return autoencoder(
        channels=16,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0609,
        scaling_factor=1.5035,
    )


def sd3():
    torch.manual_seed(3)
    words = tokenizer()
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=8,
            in_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=64,
            caption_projection_dim=32,
            pooled_projection_dim=64,
            pos_embed_max_size=32,
            qk_norm="rms_norm",
        ).eval(),
        vae=flow_autoencoder(),
        text_encoder=clip_text(words),
        text_encoder_2=clip_text(words),
        text_encoder_3=t5(words, 64),
        tokenizer=words,
        tokenizer_2=words,
        tokenizer_3=words,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def flux(*, guidance_embeds=True):
    torch.manual_seed(4)
    words = tokenizer()
    return FluxPipeline(
        transformer=FluxTransformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            guidance_embeds=guidance_embeds,
            axes_dims_rope=(4, 6, 6),
        ).eval(),
        vae=flow_autoencoder(),
        text_encoder=CLIPTextModel(text_config(words)).eval(),
        text_encoder_2=t5(words),
        tokenizer=words,
        tokenizer_2=words,
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def z_image():
    torch.manual_seed(5)
    words = tokenizer(512)
    words.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %} a cat"
    config = Qwen3Config(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
    )
    return ZImagePipeline(
        transformer=ZImageTransformer2DModel(
            in_channels=16,
            dim=32,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=32,
            axes_dims=[4, 6, 6],
            axes_lens=[256, 32, 32],
        ).eval(),
        vae=flow_autoencoder(),
        text_encoder=Qwen3Model(config).eval(),
        tokenizer=words,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def save_lora(path, pipeline, *, rank=4, seed=0):
    """A random LoRA for a pipeline's UNet, in diffusers' own format."""
    torch.manual_seed(seed)
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    config = LoraConfig(r=rank, target_modules=targets, init_lora_weights=False)
    part = "unet" if hasattr(pipeline, "unet") else "transformer"
    getattr(pipeline, part).add_adapter(config)
    layers = {f"{part}_lora_layers": get_peft_model_state_dict(getattr(pipeline, part))}
    type(pipeline).save_lora_weights(
        path.parent, weight_name=path.name, safe_serialization=True, **layers
    )


def save_text_lora(path, pipeline, *, seed=0):
    """A random LoRA for a pipeline's text encoder alone."""
    torch.manual_seed(seed)
    targets = ["q_proj", "k_proj", "v_proj"]
    config = LoraConfig(r=4, target_modules=targets, init_lora_weights=False)
    pipeline.text_encoder.add_adapter(config)
    layers = get_peft_model_state_dict(pipeline.text_encoder)
    type(pipeline).save_lora_weights(
        path.parent, text_encoder_lora_layers=layers, weight_name=path.name
    )


def swin2sr():
    torch.manual_seed(6)
    config = Swin2SRConfig(
        image_size=16,
        embed_dim=16,
        depths=[1],
        num_heads=[2],
        window_size=4,
        mlp_ratio=1.0,
        upscale=2,
        upsampler="pixelshuffledirect",
    )
    return Swin2SRForImageSuperResolution(config).eval()


class Compact:
    """A network of the community as one file: Real-ESRGAN's compact form, which enlarges by 2."""

    def save_pretrained(self, place):
        torch.manual_seed(16)
        layers = [nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8)]
        layers += [nn.Conv2d(8, 8, 3, padding=1), nn.PReLU(8), nn.Conv2d(8, 12, 3, padding=1)]
        weights = nn.ModuleDict({"body": nn.Sequential(*layers)}).state_dict()
        place.mkdir(parents=True, exist_ok=True)
        save_file(weights, place / "compact.safetensors")


def safety_checker():
    torch.manual_seed(8)
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=32,
    )
    words = CLIPTextConfig(vocab_size=99, hidden_size=32, intermediate_size=64)
    config = CLIPConfig(
        text_config=words.to_dict(), vision_config=vision.to_dict(), projection_dim=32
    )
    checker = StableDiffusionSafetyChecker(config).eval()
    torch.nn.init.normal_(checker.concept_embeds)
    torch.nn.init.normal_(checker.special_care_embeds)
    torch.nn.init.uniform_(checker.concept_embeds_weights, 0.2, 0.45)
    torch.nn.init.uniform_(checker.special_care_embeds_weights, 0.2, 0.4)
    return checker


def tiny_autoencoder():
    torch.manual_seed(9)
    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    ).eval()


def vision_tower():
    torch.manual_seed(11)
    config = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=24,
    )
    return CLIPVisionModelWithProjection(config).eval()


def save_ip_adapter(path, unet, *, kind="plain", seed=0):
    """A random IP-Adapter for a UNet, in the layout of the published ones: plain, full, faces."""
    torch.manual_seed(seed)
    wide, seen, patch = unet.config.cross_attention_dim, 24, 32
    tensors = {}
    for number, name in enumerate(unet.attn_processors):
        if name.endswith("attn2.processor"):
            inner = unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
            for part in ("to_k_ip", "to_v_ip"):
                tensors[f"ip_adapter.{number}.{part}.weight"] = torch.randn(inner, wide) / 4
    shapes = {
        "plain": {"proj": (4 * wide, seen), "norm": (wide,)},
        "full": {"proj.0": (patch, patch), "proj.2": (wide, patch), "proj.3": (wide,)},
        "faces": {"proj.0": (48, seen), "proj.2": (4 * wide, 48), "norm": (wide,)},
    }
    for layer, shape in shapes[kind].items():
        weight = torch.randn(shape) / 5 if len(shape) > 1 else torch.ones(shape)
        tensors[f"image_proj.{layer}.weight"] = weight
        tensors[f"image_proj.{layer}.bias"] = torch.randn(shape[0]) / 5
    save_file(tensors, path)


_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def _original_unet(name, layers=1):
    """The name that the first Stable Diffusion gave to a weight of a UNet of two blocks."""
    plain = {
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
    }
    module, _, leaf = name.rpartition(".")
    if module in plain:
        return f"{plain[module]}.{leaf}"
    side, *path = name.split(".")
    if side == "mid_block":
        kind, number, *rest = path
        place = f"middle_block.{2 * int(number) if kind == 'resnets' else 1}"
    else:
        block, kind, number, *rest = path
        at = (layers + 1) * int(block) + int(number)
        if side == "down_blocks":
            at += layers + 1 if kind == "downsamplers" else 1
            place = f"input_blocks.{at}.{int(kind == 'attentions')}"
        else:
            last = 1 + (block == "0")  # the first block has attentions before its upsampler
            at += layers if kind == "upsamplers" else 0
            place = f"output_blocks.{at}.{ {'resnets': 0, 'attentions': 1}.get(kind, last) }"
        if kind == "downsamplers":
            return f"{place}.op.{rest[-1]}"
    inner = ".".join(rest)
    for ours, theirs in _RESNET.items() if kind == "resnets" else ():
        inner = inner.replace(ours, theirs)
    return f"{place}.{inner}"


def _original_vae(name, blocks=4):
    """As before, of an autoencoder of four blocks."""
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    for number in range(blocks):
        name = name.replace(f"down_blocks.{number}.resnets", f"down.{number}.block")
        name = name.replace(f"down_blocks.{number}.downsamplers.0", f"down.{number}.downsample")
        up = blocks - 1 - number
        name = name.replace(f"up_blocks.{number}.resnets", f"up.{up}.block")
        name = name.replace(f"up_blocks.{number}.upsamplers.0", f"up.{up}.upsample")
    for number in (0, 1):
        name = name.replace(f"mid_block.resnets.{number}", f"mid.block_{number + 1}")
    if "mid_block.attentions.0" in name:
        name = name.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in _ATTENTION.items():
            name = name.replace(f".{ours}.", f".{theirs}.")
    return name


_OPEN_CLIP = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding": "token_embedding",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
    "layer_norm": "ln_",
    "self_attn": "attn",
    "fc1": "c_fc",
    "fc2": "c_proj",
}


def _open_clip(encoder):
    """The weights of a text encoder as OpenCLIP names them: queries, keys and values in one."""
    weights = {}
    state = encoder.state_dict()
    for name in sorted(state, key=lambda name: ("q_proj" not in name, "v_proj" in name)):
        tensor, original = state[name], name.removeprefix("text_model.")
        for ours, theirs in _OPEN_CLIP.items():
            original = original.replace(ours, theirs)
        for letter in "qkv":
            original = original.replace(f"{letter}_proj.", "in_proj_")
        before = weights.get(original)
        weights[original] = tensor
        if "in_proj_" in original and before is not None:
            weights[original] = torch.cat([before, tensor])
    weights["text_projection"] = weights.pop("text_projection.weight").T
    return weights


def save_single_file(path, pipeline):
    """A Stable Diffusion or an SDXL as one file in the first layout, as communities share them."""
    tensors = {
        f"model.diffusion_model.{_original_unet(name)}": tensor
        for name, tensor in pipeline.unet.state_dict().items()
    }
    for name, tensor in pipeline.vae.state_dict().items():
        original = _original_vae(name)
        is_matrix = "attn_1" in original and tensor.ndim == 2  # 1 × 1 convolutions there
        tensors[f"first_stage_model.{original}"] = tensor[:, :, None, None] if is_matrix else tensor
    second = getattr(pipeline, "text_encoder_2", None)
    first = (
        "cond_stage_model.transformer" if second is None else "conditioner.embedders.0.transformer"
    )
    for name, tensor in pipeline.text_encoder.state_dict().items():
        full = name if name.startswith("text_model.") else f"text_model.{name}"
        tensors[f"{first}.{full}"] = tensor
    for name, tensor in _open_clip(second).items() if second is not None else ():
        tensors[f"conditioner.embedders.1.model.{name}"] = tensor
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


def save_gguf(path, module):
    """A module's weights, those of its linear layers in Q8_0, in diffusers' own names."""
    writer = gguf.GGUFWriter(path, arch="tiny")
    eight = gguf.GGMLQuantizationType.Q8_0
    linear = {f"{n}.weight" for n, m in module.named_modules() if isinstance(m, torch.nn.Linear)}
    for name, tensor in module.state_dict().items():
        array = tensor.float().numpy()
        if name in linear and array.shape[1] % 32 == 0:
            writer.add_tensor(name, gguf.quants.quantize(array, eight), raw_dtype=eight)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class ClipPair:
    """A CLIP model and its tokenizer, saved together."""

    def save_pretrained(self, place):
        torch.manual_seed(7)
        words = tokenizer()
        vision = CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=32,
            patch_size=8,
            projection_dim=32,
        )
        config = CLIPConfig(
            text_config=text_config(words).to_dict(),
            vision_config=vision.to_dict(),
            projection_dim=32,
        )
        CLIPModel(config).eval().save_pretrained(place)
        words.save_pretrained(place)


class Blip:
    """A captioner and its processor, saved together."""

    def save_pretrained(self, place):
        torch.manual_seed(10)
        names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *WORDS]
        words = BertTokenizer(vocab={name: number for number, name in enumerate(names)})
        shared = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
        text = BlipTextConfig(
            vocab_size=len(names),
            encoder_hidden_size=32,
            num_attention_heads=2,
            projection_dim=16,
            bos_token_id=5,
            eos_token_id=3,
            sep_token_id=3,
            pad_token_id=0,
            **shared,
        )
        vision = BlipVisionConfig(
            num_attention_heads=2, image_size=32, patch_size=8, projection_dim=16, **shared
        )
        config = BlipConfig(
            text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16
        )
        BlipForConditionalGeneration(config).eval().save_pretrained(place)
        eye = BlipImageProcessorPil(size={"height": 32, "width": 32})
        BlipProcessor(eye, words).save_pretrained(place)


BUILDERS = {
    "captioner": Blip,
    "spandrel": Compact,
    "translator": tiny_translators.Marian,
    "translator-m2m100": tiny_translators.M2M100,
    "translator-t5": tiny_translators.T5,
    "swin2sr": swin2sr,
    "clip": ClipPair,
    "safety": safety_checker,
    "taesd": tiny_autoencoder,
    "vision": vision_tower,
    "pipeline": stable_diffusion,
    "sd": stable_diffusion,
    "sd-inpaint": lambda: stable_diffusion(in_channels=9),
    "sd-velocity": lambda: stable_diffusion(prediction_type="v_prediction"),
    "sdxl": sdxl,
    "sdxl-single": lambda: sdxl(second=48),
    "sdxl-inpaint": lambda: sdxl(in_channels=9),
    "sd3": sd3,
    "flux": flux,
    "flux-schnell": lambda: flux(guidance_embeds=False),
    "z-image": z_image,
}
"""By name, which is a family's or begins with one and a hyphen."""
SHARING = tuple(name for name, family in FAMILIES.items() if family.shares_passes)
"""Families whose pictures share passes."""


def family_of(name):
    """The longest family that a name begins with; of other networks the name itself."""
    begun = [family for family in FAMILIES if f"{name}-".startswith(f"{family}-")]
    return max(begun, key=len, default=name)


def spec(name, place, **fields):
    """A catalogue entry for a tiny model."""
    info = ModelInfo(
        name=name,
        title=f"Tiny {name}",
        aliases=(),
        family=family_of(name),
        width_px=64,
        height_px=64,
        size_step_px=16,
        min_side_px=32,
        max_side_px=256,
        max_pixels=256 * 256,
        steps=4,
        guidance=5.0,
        scheduler="",
        source=str(place),
    )
    return ModelSpec(info=info, place=Path(place), **fields)

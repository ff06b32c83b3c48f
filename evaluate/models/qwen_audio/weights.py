"""Weights from a checkpoint's files into the network: every tensor named, every one accounted for."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from pickle import UnpicklingError
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from evaluate.models.base import ModelError, spread
from evaluate.models.qwen_audio.config import Architecture
from evaluate.models.qwen_audio.network import Network

NO_WEIGHTS = re.compile(
    r"transformer\.(h\.\d+\.attn\.)?rotary_emb\.inv_freq|transformer\.h\.\d+\.attn\.(masked_bias|logn_tensor)"
)
"""Tables that the original may have saved beside its weights; they follow from config.json and are not read."""

_SINGLE = {
    "transformer.wte.weight": "embed_tokens.weight",
    "transformer.ln_f.weight": "norm.weight",
    "lm_head.weight": "lm_head.weight",
    "transformer.audio.positional_embedding": "audio.positions",
    "transformer.audio.audio_bos_eos_token.weight": "audio.tags",
    "transformer.audio.conv1": "audio.conv1",
    "transformer.audio.conv2": "audio.conv2",
    "transformer.audio.ln_post": "audio.layer_norm",
    "transformer.audio.proj": "audio.proj",
}
_DECODER_LAYER = {
    "ln_1.weight": "input_layernorm.weight",
    "ln_2.weight": "post_attention_layernorm.weight",
    "attn.c_proj.weight": "self_attn.o_proj.weight",
    "mlp.w1.weight": "mlp.up_proj.weight",
    "mlp.w2.weight": "mlp.gate_proj.weight",
    "mlp.c_proj.weight": "mlp.down_proj.weight",
}
_ENCODER_LAYER = {
    "attn.query": "self_attn.q_proj",
    "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj",
    "attn.out": "self_attn.out_proj",
    "attn_ln": "self_attn_layer_norm",
    "mlp_ln": "final_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
}


def names(architecture: Architecture) -> dict[str, tuple[str, ...]]:
    """Names in a checkpoint -> names in the network: one each, or three where query, key and value lie in one tensor.

    A name without ``.weight`` in the tables above has a weight and a bias, but for the encoder's key: no bias.
    """
    single = dict(_SINGLE)
    for number in range(architecture.layers):
        ours, theirs = f"layers.{number}.", f"transformer.h.{number}."
        single |= {theirs + name: ours + own for name, own in _DECODER_LAYER.items()}
    for number in range(architecture.audio_layers):
        ours, theirs = f"audio.layers.{number}.", f"transformer.audio.blocks.{number}."
        single |= {theirs + name: ours + own for name, own in _ENCODER_LAYER.items()}
    found: dict[str, tuple[str, ...]] = {}
    for name, own in single.items():
        if own.endswith((".weight", ".positions", ".tags")):
            found[name] = (own,)
            continue
        for kind in ("weight",) if own.endswith(".k_proj") else ("weight", "bias"):
            found[f"{name}.{kind}"] = (f"{own}.{kind}",)
    for number in range(architecture.layers):
        for kind in ("weight", "bias"):
            parts = (f"layers.{number}.self_attn.{part}_proj.{kind}" for part in "qkv")
            found[f"transformer.h.{number}.attn.c_attn.{kind}"] = tuple(parts)
    return found


def load_network(folder: Path, architecture: Architecture, devices: Sequence[str], dtype: torch.dtype) -> Network:
    """The network with a checkpoint's weights, its layers spread over the devices; what comes before them lies on the
    first, what comes after them on the last. Raises ModelError where a tensor is missing, unknown, double, of another
    shape or no number, and where a file is damaged: nothing is ever made up."""
    with torch.device("meta"):
        network = Network(architecture)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    wanted = names(architecture)
    layers = spread(architecture.layers, devices)
    placed: dict[str, Tensor] = {}
    seen: set[str] = set()
    for file, name, tensor in _tensors(folder):
        if NO_WEIGHTS.fullmatch(name):
            continue
        if name not in wanted:
            raise ModelError(f"{file} holds a tensor '{name}' that Qwen-Audio with this config.json does not have")
        if name in seen:
            raise ModelError(f"{file} holds '{name}', which another file of the checkpoint holds too")
        seen.add(name)
        parts = wanted[name]
        first, *rest = shapes[parts[0]]
        if (shape := (first * len(parts), *rest)) != tuple(tensor.shape):
            raise ModelError(f"{file}: '{name}' has the shape {tuple(tensor.shape)}; by config.json it is {shape}")
        if not tensor.is_floating_point():
            raise ModelError(f"{file}: '{name}' holds {tensor.dtype}, and weights are floating-point numbers")
        device = device_of(parts[0], layers, devices)
        placed |= zip(parts, tensor.to(device, dtype).chunk(len(parts)), strict=True)
    if missing := sorted(wanted.keys() - seen):
        raise ModelError(f"{folder.name} lacks {len(missing)} of its {len(wanted)} tensors, such as '{missing[0]}'")
    network.load_state_dict(placed, strict=True, assign=True)
    if left := [name for name, tensor in (*network.named_parameters(), *network.named_buffers()) if tensor.is_meta]:
        raise ModelError(f"'{left[0]}' has no value after loading; the installed transformers is not supported")
    return network.requires_grad_(False).eval()


def device_of(name: str, layers: Sequence[str], devices: Sequence[str]) -> str:
    """Where a tensor of the network lies, by its name there."""
    if found := re.match(r"layers\.(\d+)\.", name):
        return layers[int(found[1])]
    return devices[-1] if name.startswith(("norm.", "lm_head.")) else devices[0]


def _tensors(folder: Path) -> Iterator[tuple[str, str, Tensor]]:
    """File, name and tensor of everything in the checkpoint."""
    for path, listed in _files(folder):
        held = set()
        try:
            for name, tensor in _read(path):
                held.add(name)
                yield path.name, name, tensor
        except (SafetensorError, UnpicklingError, RuntimeError, EOFError, OSError) as error:
            first = (str(error).splitlines() or ["it ends too soon"])[0][:200]
            raise ModelError(f"{path.name} does not load, it is damaged: {first}") from None
        if listed is not None and held != listed:
            name = sorted(held ^ listed)[0]
            raise ModelError(
                f"{path.name} {'holds' if name in held else 'lacks'} '{name}', other than the checkpoint's index says"
            )


def _read(path: Path) -> Iterator[tuple[str, Tensor]]:
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                yield name, file.get_tensor(name)
        return
    mapped = is_zipfile(path)  # torch's files of before 2020 are none, and cannot be mapped
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ModelError(f"{path.name} holds something other than tensors by name")
    yield from state.items()


def _files(folder: Path) -> list[tuple[Path, set[str] | None]]:
    """The files with weights, each with the names that an index says it holds; safetensors where there are any."""
    for whole in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{whole}.index.json"
        if index.is_file():
            return _indexed(folder, index)
        if (folder / whole).is_file():
            return [(folder / whole, None)]
        if len(found := sorted(folder.glob(f"*{Path(whole).suffix}"))) > 1:
            raise ModelError(f"{folder.name} has {len(found)} files like {found[0].name}, and no {index.name}")
        if found:
            return [(found[0], None)]
    raise ModelError(f"{folder.name} holds no weights (model.safetensors or pytorch_model.bin)")


def _indexed(folder: Path, index: Path) -> list[tuple[Path, set[str] | None]]:
    try:
        places = json.loads(index.read_text("utf-8"))["weight_map"]
        files: dict[str, set[str]] = {}
        for name, file in places.items():
            files.setdefault(file, set()).add(name)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{index.name} is no index of weights") from None
    for file in files:
        if Path(file).name != file or not (folder / file).is_file():
            raise ModelError(f"{folder.name} lacks {file}, which {index.name} names")
    return [(folder / file, listed) for file, listed in sorted(files.items())]

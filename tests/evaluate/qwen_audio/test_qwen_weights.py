"""Loading: every tensor equals its file in every format, and nothing that is not whole ever loads."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from evaluate.config import Generation, ModelConfig
from evaluate.models.base import ModelError, Request, spread
from evaluate.models.qwen_audio.config import read_architecture
from evaluate.models.qwen_audio.model import QwenAudio
from evaluate.models.qwen_audio.network import Network
from evaluate.models.qwen_audio.weights import device_of, load_network, names

Tensors = dict[str, torch.Tensor]
Write = Callable[[Path, Tensors], None]


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Network:
    return load_network(folder, read_architecture(folder), ["cpu"], dtype)


def as_single(folder: Path, tensors: Tensors) -> None:
    save_file(tensors, folder / "model.safetensors")


def as_bin(folder: Path, tensors: Tensors) -> None:
    torch.save(tensors, folder / "pytorch_model.bin")


def as_shards(folder: Path, tensors: Tensors, kind: str = "model-{}.safetensors") -> None:
    places = {name: kind.format(f"0000{number % 3}-of-00003") for number, name in enumerate(tensors)}
    for file in set(places.values()):
        shard = {name: tensor for name, tensor in tensors.items() if places[name] == file}
        save_file(shard, folder / file) if file.endswith("safetensors") else torch.save(shard, folder / file)
    index = "model.safetensors.index.json" if "safetensors" in kind else "pytorch_model.bin.index.json"
    (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": places}))


def as_bin_shards(folder: Path, tensors: Tensors) -> None:
    as_shards(folder, tensors, "pytorch_model-{}.bin")


@pytest.fixture
def bare(tiny_folders: dict[bool, Path], tmp_path: Path) -> tuple[Path, Tensors]:
    """A folder without weights, and the weights."""
    folder = shutil.copytree(tiny_folders[False], tmp_path / "checkpoint")
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    return folder, tensors


@pytest.mark.parametrize("write", [as_single, as_shards, as_bin, as_bin_shards])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_tensor_equals_its_file(bare: tuple[Path, Tensors], write: Write, dtype: torch.dtype) -> None:
    folder, tensors = bare
    write(folder, tensors)
    network = load(folder, dtype)
    held = network.state_dict()
    compared = 0
    for name, parts in names(network.architecture).items():
        assert torch.equal(torch.cat([held[part] for part in parts]), tensors[name].to(dtype)), name
        compared += len(parts)
    assert compared == len(held) == len(list(network.parameters())) and not list(network.buffers())


def test_the_official_names(bare: tuple[Path, Tensors]) -> None:
    folder, tensors = bare
    assert names(read_architecture(folder)).keys() == tensors.keys()


@pytest.mark.parametrize(
    "name", ["lm_head.weight", "transformer.h.1.attn.c_attn.bias", "transformer.audio.positional_embedding"]
)
@pytest.mark.parametrize("write", [as_single, as_bin])
def test_a_tensor_is_missing(bare: tuple[Path, Tensors], write: Write, name: str) -> None:
    folder, tensors = bare
    del tensors[name]
    write(folder, tensors)
    with pytest.raises(ModelError, match=f"lacks 1 of its {len(tensors) + 1} tensors, such as '{name}'"):
        load(folder)


def test_any_tensor_missing_is_named(bare: tuple[Path, Tensors]) -> None:
    folder, tensors = bare
    for name in tensors:
        as_single(folder, {other: tensor for other, tensor in tensors.items() if other != name})
        with pytest.raises(ModelError, match=f"such as '{name}'"):
            load(folder)


@pytest.mark.parametrize(
    "name", ["transformer.h.2.ln_1.weight", "transformer.visual.proj", "transformer.audio.blocks.0.attn.key.bias"]
)
def test_a_tensor_is_unknown(bare: tuple[Path, Tensors], name: str) -> None:
    folder, tensors = bare
    as_single(folder, tensors | {name: torch.ones(32)})
    with pytest.raises(ModelError, match=f"a tensor '{name}' that Qwen-Audio"):
        load(folder)


@pytest.mark.parametrize(
    "name", ["transformer.rotary_emb.inv_freq", "transformer.h.0.attn.masked_bias", "transformer.h.1.attn.logn_tensor"]
)
def test_tables_that_follow_from_the_configuration_are_not_read(bare: tuple[Path, Tensors], name: str) -> None:
    folder, tensors = bare
    as_single(folder, tensors | {name: torch.full((4,), torch.nan)})
    assert load(folder)


@pytest.mark.parametrize("write", [as_single, as_bin])
def test_another_shape(bare: tuple[Path, Tensors], write: Write) -> None:
    folder, tensors = bare
    name = "transformer.h.0.attn.c_attn.weight"
    write(folder, tensors | {name: tensors[name].T.contiguous()})
    with pytest.raises(ModelError, match=rf"'{name}' has the shape \(32, 96\); by config.json it is \(96, 32\)"):
        load(folder)


def test_whole_numbers_are_no_weights(bare: tuple[Path, Tensors]) -> None:
    folder, tensors = bare
    as_single(folder, tensors | {"lm_head.weight": tensors["lm_head.weight"].to(torch.int8)})
    with pytest.raises(ModelError, match=r"holds torch\.int8"):
        load(folder)


def test_a_shard_is_not_there(bare: tuple[Path, Tensors]) -> None:
    folder, tensors = bare
    as_shards(folder, tensors)
    (folder / "model-00001-of-00003.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks model-00001-of-00003\.safetensors"):
        load(folder)


def test_a_shard_holds_other_tensors(bare: tuple[Path, Tensors]) -> None:
    folder, tensors = bare
    as_shards(folder, tensors)
    path = folder / "model-00001-of-00003.safetensors"
    shard = load_file(path)
    lost = sorted(shard)[0]
    save_file({name: tensor for name, tensor in shard.items() if name != lost}, path)
    with pytest.raises(ModelError, match=f"lacks '{lost}', other than the checkpoint's index says"):
        load(folder)


def test_a_tensor_stands_twice(bare: tuple[Path, Tensors]) -> None:
    folder, tensors = bare
    as_shards(folder, tensors)
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    path = folder / "model-00001-of-00003.safetensors"
    save_file(load_file(path) | {"lm_head.weight": tensors["lm_head.weight"]}, path)
    assert index["lm_head.weight"] != path.name
    with pytest.raises(ModelError, match=r"holds 'lm_head\.weight', "):
        load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"\x80\x04K\x01." * 9]
)
def test_a_damaged_file(bare: tuple[Path, Tensors], name: str, damage: Callable[[bytes], bytes]) -> None:
    folder, tensors = bare
    (as_single if "safetensors" in name else as_bin)(folder, tensors)
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    with pytest.raises(ModelError, match=f"{name} does not load, it is damaged"):
        load(folder)


def test_a_pickle_runs_nothing(bare: tuple[Path, Tensors], tmp_path: Path) -> None:
    folder, _ = bare

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    torch.save({"lm_head.weight": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="does not load"):
        load(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model_type", "qwen2", "model_type is 'qwen2'"),
        ("audio", None, "is not Qwen-Audio's"),
        ("tie_word_embeddings", True, "tie_word_embeddings is True, and only False"),
        ("hidden_size", "32", "hidden_size is '32', and it is a whole number"),
        ("hidden_size", 64, "output_dim and hidden_size differ"),
        ("intermediate_size", 130, "has the shape"),
        ("num_hidden_layers", 3, "lacks 8 of its"),
    ],
)
def test_a_configuration_that_does_not_fit(
    tiny_folders: dict[bool, Path], tmp_path: Path, key: str, value: object, said: str
) -> None:
    folder = shutil.copytree(tiny_folders[False], tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text()) | {key: value}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=said):
        load(folder)


def test_layers_are_spread_over_devices(tiny_folders: dict[bool, Path], tiny: QwenAudio) -> None:
    """Two names of the CPU stand for two GPUs: they go the same way through the code, and the answers stay the same."""
    assert spread(5, ["a", "b"]) == ["a", "a", "a", "b", "b"] and spread(2, ["a"]) == ["a", "a"]
    placed = {name: device_of(name, ["a", "b"], ["a", "b"]) for name in tiny.network.state_dict()}
    assert placed["audio.conv1.weight"] == placed["embed_tokens.weight"] == placed["layers.0.mlp.up_proj.weight"] == "a"
    assert placed["layers.1.mlp.up_proj.weight"] == placed["norm.weight"] == placed["lm_head.weight"] == "b"
    split = QwenAudio(ModelConfig(_target_="", name="tiny", path=str(tiny_folders[False])))
    split.devices = ("cpu", "cpu")
    split.load("cpu")
    clip = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    request = Request("a", "<audio>1</audio><|startofanalysis|>", None, None, {}, audio=(clip,))
    said = [model.generate(model.prepare([request]), Generation(max_new_tokens=8)) for model in (tiny, split)]
    assert said[0] == said[1] and said[0][0].text

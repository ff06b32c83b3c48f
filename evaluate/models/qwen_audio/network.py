"""The network, composed of transformers' blocks: an audio encoder and a decoder, each row computed as if alone.

No module here has a buffer: rotary angles and logn factors are computed where they are used, so that nothing can be
left uninitialised when the weights are put in place.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn
from transformers import AttentionInterface, Qwen2AudioEncoderConfig, Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer, Qwen2RMSNorm
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioEncoderLayer

from evaluate.models.qwen_audio.config import CLIP_FRAMES, Architecture
from evaluate.models.qwen_audio.features import Query


class Memory:
    """Keys and values of a batch, in room made once; keys are kept rotated, without logn."""

    def __init__(self, layers: int, capacity: int):
        self.capacity = capacity
        self.length = 0
        """Tokens that all layers hold; the network moves it on."""
        self._keys: list[Tensor | None] = [None] * layers
        self._values: list[Tensor | None] = [None] * layers

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Put in new keys and values, shape = (batch, heads, n_new, head_size); returns all so far."""
        return self._put(self._keys, layer, key), self._put(self._values, layer, value)

    def _put(self, room: list[Tensor | None], layer: int, new: Tensor) -> Tensor:
        held = room[layer]
        if held is None:
            held = room[layer] = new.new_zeros(*new.shape[:2], self.capacity, new.shape[3])
        end = self.length + new.shape[2]
        held[:, :, self.length : end] = new
        return held[:, :, :end]


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, memory: Memory, logn: Tensor, **_: Any
) -> tuple[Tensor, None]:
    """Attention of a decoder layer. Rotation happened in float32, so query and key come wider than the value."""
    query = (query * logn).to(value.dtype)
    key, value = memory.extend(module.layer_idx, key.to(value.dtype), value)
    heard = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=module.scaling)
    return heard.transpose(1, 2), None


ATTENTION = "qwen_audio"
AttentionInterface.register(ATTENTION, _attend)


class Encoder(nn.Module):
    """Mel frames to embeddings: two convolutions, pre-norm layers, an average over pairs, a projection."""

    def __init__(self, architecture: Architecture):
        super().__init__()
        size = architecture.audio_size
        config = Qwen2AudioEncoderConfig(
            num_mel_bins=architecture.mels,
            d_model=size,
            encoder_layers=architecture.audio_layers,
            encoder_attention_heads=architecture.audio_heads,
            encoder_ffn_dim=4 * size,
        )
        config._attn_implementation = "sdpa"
        self.conv1 = nn.Conv1d(architecture.mels, size, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(size, size, kernel_size=3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.empty(CLIP_FRAMES // 2, size))
        self.layers = nn.ModuleList(Qwen2AudioEncoderLayer(config) for _ in range(architecture.audio_layers))
        self.layer_norm = nn.LayerNorm(size)
        self.proj = nn.Linear(size, architecture.hidden_size)
        self.tags = nn.Parameter(torch.empty(2, architecture.hidden_size))
        """What stands for <audio> and </audio> in place of their rows in the table of embeddings."""

    def forward(self, mel: Tensor, frames: Sequence[int]) -> Tensor:
        """Embeddings of clips, shape = (clips, longest // 2, hidden_size); row k holds ``frames[k] // 2`` of its own.

        ``mel``, shape = (clips, n_mels, 2 * longest), is zero where ``join_clips`` makes it so; ``frames`` are the
        clips' T. Keys beyond a clip's own T are masked, so that each clip gets what it gets alone.
        """
        own = torch.arange(max(frames), device=mel.device) < torch.tensor(frames, device=mel.device)[:, None]
        mask = own[:, None, None, :].expand(-1, 1, own.shape[1], -1)
        states = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        states = states + self.positions[: states.shape[1]]
        for layer in self.layers:
            states = layer(states, mask)
        pooled = F.avg_pool1d(states.transpose(1, 2), 2).transpose(1, 2)
        return self.proj(self.layer_norm(pooled))


class Network(nn.Module):
    """Qwen-Audio: the encoder, the table of embeddings, the decoder's layers and its head."""

    def __init__(self, architecture: Architecture):
        super().__init__()
        self.architecture = architecture
        config = Qwen2Config(
            vocab_size=architecture.vocab_size,
            hidden_size=architecture.hidden_size,
            intermediate_size=architecture.inner_size,
            num_hidden_layers=architecture.layers,
            num_attention_heads=architecture.heads,
            num_key_value_heads=architecture.heads,
            rms_norm_eps=architecture.norm_eps,
        )
        config.head_dim = architecture.head_size
        config._attn_implementation = ATTENTION
        self.audio = Encoder(architecture)
        self.embed_tokens = nn.Embedding(architecture.vocab_size, architecture.hidden_size)
        self.layers = nn.ModuleList(Qwen2DecoderLayer(config, number) for number in range(architecture.layers))
        self.norm = Qwen2RMSNorm(architecture.hidden_size, eps=architecture.norm_eps)
        self.lm_head = nn.Linear(architecture.hidden_size, architecture.vocab_size, bias=False)

    @property
    def device(self) -> torch.device:
        """Of the encoder and the first layers; later layers may lie on others."""
        return self.embed_tokens.weight.device

    def hear(self, queries: Sequence[Query]) -> list[list[Tensor]]:
        """Per query and clip, what stands in the clip's span: tag, rows, tag; shape = (n + 2, hidden_size)."""
        if not any(query.clips for query in queries):
            return [[] for _ in queries]
        mel = join_clips(queries).to(self.device, self.embed_tokens.weight.dtype)
        rows = iter(self.audio(mel, [clip.length.frames for query in queries for clip in query.clips]))
        start, end = self.audio.tags[:1], self.audio.tags[1:]
        return [[torch.cat((start, next(rows)[: clip.length.rows], end)) for clip in query.clips] for query in queries]

    def embed(self, queries: Sequence[Query]) -> Tensor:
        """Embeddings of prompts with their clips in place, left padded; shape = (batch, longest, hidden_size)."""
        longest = max(len(query.ids) for query in queries)
        ids = torch.tensor([[0] * (longest - len(query.ids)) + query.ids for query in queries], device=self.device)
        embedded = self.embed_tokens(ids)
        for row, (query, spans) in enumerate(zip(queries, self.hear(queries), strict=True)):
            for start, span in zip(query.starts, spans, strict=True):
                first = longest - len(query.ids) + start
                embedded[row, first : first + len(span)] = span
        return embedded

    def forward(self, embedded: Tensor, positions: Tensor, frequencies: Tensor, mask: Tensor, memory: Memory) -> Tensor:
        """Logits of the last token, float32, shape = (batch, vocab_size).

        ``embedded``: shape = (batch, n_new, hidden_size); ``positions``: of these tokens in their own prompts, shape =
        (batch, n_new); ``frequencies``: of the rotation, by row, shape = (batch, head_size / 2); ``mask``: what a new
        token may see, bool, shape = (batch, 1, n_new, n_so_far).
        """
        angles = positions[:, :, None].float() * frequencies[:, None, :]
        angles = torch.cat((angles, angles), dim=-1)
        rotation = (angles.cos(), angles.sin())
        logn = self._logn(positions)[:, None, :, None]
        states = embedded
        for layer in self.layers:
            device = layer.input_layernorm.weight.device
            states, mask, logn = states.to(device), mask.to(device), logn.to(device)
            rotation = (rotation[0].to(device), rotation[1].to(device))
            states = layer(states, attention_mask=mask, position_embeddings=rotation, memory=memory, logn=logn)
        memory.length += embedded.shape[1]
        return self.lm_head(self.norm(states[:, -1].to(self.norm.weight.device))).float()

    def _logn(self, positions: Tensor) -> Tensor:
        """log(p + 1) / log(seq_length) at a position p past the trained length, else 1."""
        if not self.architecture.logn:
            return torch.ones_like(positions, dtype=torch.float32)
        return ((positions + 1).float().log() / math.log(self.architecture.seq_length)).clamp(min=1)

    def frequencies(self, lengths: Sequence[int]) -> Tensor:
        """Rotation per position, radians, shape = (batch, head_size / 2): base^(-2i / head_size), with the base
        stretched by dynamic NTK for prompts of these lengths in tokens; an answer keeps its prompt's."""
        size = self.architecture.head_size
        exponents = torch.arange(0, size, 2, device=self.device).float() / size
        bases = [self.architecture.rotary_base * self._alpha(length) ** (size / (size - 2)) for length in lengths]
        return torch.stack([1 / base**exponents for base in bases])

    def _alpha(self, length: int) -> float:
        """1 up to the trained length, 3 up to twice of it, 7 up to four times, ..."""
        if not self.architecture.dynamic_ntk:
            return 1.0
        return max(1.0, 2.0 ** math.ceil(math.log2(length / self.architecture.seq_length) + 1) - 1)


def join_clips(queries: Sequence[Query]) -> Tensor:
    """All clips of a batch, float32, shape = (clips, n_mels, 2 * longest T).

    The original encodes the clips of one query together, cropped to the longest of them; there a shorter clip's last
    convolution sees a frame after its end. So a clip keeps its frames up to 2 T of its query's longest clip, and is
    zero from there on, as the convolution's own padding would be: whatever else is in the batch changes nothing.
    """
    clips = [clip for query in queries for clip in query.clips]
    mel = torch.zeros(len(clips), len(clips[0].mel), 2 * max(clip.length.frames for clip in clips))
    place = 0
    for query in queries:
        reach = 2 * max((clip.length.frames for clip in query.clips), default=0)
        for clip in query.clips:
            kept = clip.mel[:, :reach]
            mel[place, :, : kept.shape[1]] = torch.from_numpy(kept)
            place += 1
    return mel

"""One training of the small Qwen-Audio: a recipe, the lessons, the network, and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError  # what torch.load raises, with weights_only=True

import numpy as np
import torch
from torch import nn

from evaluate.models.qwen_audio.config import read_architecture
from evaluate.models.qwen_audio.network import Network
from evaluate.models.qwen_audio.tokenizer import Tokenizer
from evaluate.models.tiny.helpers import Helpers
from evaluate.models.tiny.layout import settings_of, sinusoids, write_plan, write_weights
from evaluate.models.tiny.objective import Asking, Batch, Texts, answer_loss, make_batch
from evaluate.models.tiny.pool import MELS, Heard, texts_of
from evaluate.models.tiny.vocabulary import train_ranks

STATE = "resume.pt"
SIZES = {"hidden_size": 128, "kv_channels": 32, "num_attention_heads": 4, "num_hidden_layers": 3,
         "intermediate_size": 640}  # fmt: skip
AUDIO = {"n_mels": MELS, "n_ctx": 1500, "n_state": 144, "n_head": 4, "n_layer": 4, "output_dim": 128}
TEXT_SPREAD = 0.5
"""Of the embeddings of tokens at the beginning: about that of the encoder's rows."""
HEAD_SPREAD = 0.02
WEIGHTS = {"asr": 2.0, "ks": 2.0, "lid": 1.5, "mna": 1.5, "chat": 0.5, "gender": 0.7, "age": 0.4, "osr": 0.3,
           "sd": 0.5, "aac": 0.5, "mc": 0.5, "did": 0.3, "entities": 0.5, "slots": 0.5, "ic": 0.7}  # fmt: skip
"""How often questions of a type are drawn, by 1 of the others."""
LATER = WEIGHTS | {"asr": 8.0, "aqa/clothoaqa": 2.5, "mna/nsynth_pitch": 4.0, "mna/nsynth_family": 5.0,
                   "mna/nsynth_source": 0.5}  # fmt: skip
"""The same of types and of tasks after the turn: what takes the decoder longest to read from the rows."""
HELPERS = {"letters": 2.0, "pieces": 1.0, "facts": 1.0}
"""Weights of the losses that help the encoder, at the beginning; they fall to a fifth of that."""


class ResumeError(ValueError):
    """A training cannot go on from what its folder holds."""


@dataclass(frozen=True)
class Recipe:
    """What a training is, wholly: the same recipe gives the same losses on the same kind of processor."""

    seed: int = 20231130
    lessons: int = 32_000
    steps: int = 5_600
    batch: int = 24
    """Lessons a step."""
    questions: int = 2
    """Of each lesson, at most; after the turn one more."""
    turn: float = 0.35
    """Share of the steps after which the decoder's part is the harder one: longer answers count more then."""
    short: int = 6
    """Tokens that an answer counts as after the turn, at least."""
    chat: float = 0.12
    """Share of the lessons that are asked about in words, in turns."""
    weights: dict[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    later: dict[str, float] = field(default_factory=lambda: dict(LATER))
    """Of questions, before and after the turn."""
    rate: float = 6e-3
    warmup: int = 200
    """Steps."""
    decay: float = 0.02
    clip: float = 1.0
    helpers: dict[str, float] = field(default_factory=lambda: dict(HELPERS))
    pieces: int = 1_200
    """Of the vocabulary, beside the bytes."""
    sizes: dict[str, int] = field(default_factory=lambda: dict(SIZES))
    audio: dict[str, int] = field(default_factory=lambda: dict(AUDIO))


class Trainer:
    """A network, what it is trained with, and how far it is."""

    def __init__(self, folder: Path, pool: Sequence[Heard], recipe: Recipe):
        """``folder`` gets the state, and its folder ``checkpoint`` the plan; the weights are drawn from the seed."""
        self.folder, self.recipe, self.checkpoint = folder, recipe, folder / "checkpoint"
        self.pool = sorted(pool, key=lambda heard: (heard.frames, heard.number))
        ranks = train_ranks(texts_of(pool), recipe.pieces)
        write_plan(self.checkpoint, ranks, settings_of(len(ranks), recipe.sizes, recipe.audio), kind=None)
        architecture = read_architecture(self.checkpoint)
        self.texts = Texts(Tokenizer.read(self.checkpoint, architecture), ranks)
        torch.manual_seed(recipe.seed)
        self.network = Network(architecture)
        self.helpers = Helpers(self.network, self.texts, self.pool)
        _begin(self.network)
        self.optimizers = _optimizers([self.network, self.helpers], recipe)
        self.step = 0

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    def turned(self, step: int) -> bool:
        """Whether a step comes after the turn."""
        return step >= self.recipe.turn * self.recipe.steps

    def batch(self, step: int) -> Batch:
        """Lessons of about one length: a stretch of the pool about a drawn place, half of which is taken."""
        recipe = self.recipe
        draw = np.random.default_rng((recipe.seed, step))
        width = min(2 * recipe.batch, len(self.pool))
        first = int(draw.integers(0, len(self.pool) - width + 1))
        places = first + draw.permutation(width)[: recipe.batch]
        later = self.turned(step)
        asking = Asking(recipe.questions + later, recipe.later if later else recipe.weights, recipe.chat)
        return make_batch(draw, [self.pool[place] for place in places], self.texts, asking)

    def advance(self) -> dict[str, float]:
        """One step; its losses, and the share of the tokens of answers that are right."""
        recipe, done = self.recipe, self.step / self.recipe.steps
        rate = recipe.rate * min((self.step + 1) / recipe.warmup, 1 - done)
        batch = self.batch(self.step)
        answers, right = answer_loss(self.network, batch)
        asked = answers.mean()
        if self.turned(self.step):
            sizes = torch.tensor([max(size, recipe.short) for packed in batch.packed for size in packed.answers])
            asked = (sizes * answers).sum() / sizes.sum()
        helped = self.helpers.losses(batch)
        loss = asked + (1 - 0.8 * done) * sum(recipe.helpers[name] * value for name, value in helped.items())
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {self.step} is {loss.item()}; a lower --rate may help")
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*self.network.parameters(), *self.helpers.parameters()], recipe.clip)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.step += 1
        told = {name: value.item() for name, value in helped.items()}
        return {"loss": answers.mean().item(), **told, "right": right.mean().item()}

    def save(self) -> None:
        """The checkpoint, and beside it what a training goes on from."""
        write_weights(self.checkpoint, self.network)
        state = {"step": self.step, "network": self.network.state_dict(), "helpers": self.helpers.state_dict(),
                 "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],}  # fmt: skip
        part = self.folder / f"{STATE}.part"
        torch.save(state, part)
        part.replace(self.folder / STATE)

    def resume(self) -> None:
        """Go on from what the folder holds, where it holds something. Raises ResumeError where that is damaged."""
        path = self.folder / STATE
        if path.is_file():
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
                self.network.load_state_dict(state["network"])
                self.helpers.load_state_dict(state["helpers"])
                for optimizer, held in zip(self.optimizers, state["optimizers"], strict=True):
                    optimizer.load_state_dict(held)
                self.step = state["step"]
            except (RuntimeError, EOFError, KeyError, ValueError, UnpicklingError) as error:
                raise ResumeError(f"{path} is no state of this training, or is damaged; remove it to begin anew, or "
                                  f"bring it back ({type(error).__name__})") from error  # fmt: skip


def _begin(network: Network) -> None:
    """The first weights: torch's own for what multiplies, narrower ones where they matter, Whisper's table."""
    network.audio.positions.requires_grad_(False)  # stays as it is
    with torch.no_grad():
        nn.init.normal_(network.embed_tokens.weight, std=TEXT_SPREAD)
        nn.init.normal_(network.lm_head.weight, std=HEAD_SPREAD)
        nn.init.normal_(network.audio.tags, std=TEXT_SPREAD)
        positions, width = network.audio.positions.shape
        network.audio.positions.copy_(torch.from_numpy(sinusoids(positions, width)))


def _optimizers(modules: Sequence[nn.Module], recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside (Jordan et al. 2024, at the step sizes of AdamW), AdamW for all the rest."""
    named = [pair for module in modules for pair in module.named_parameters() if pair[1].requires_grad]
    inside = [tensor for name, tensor in named if tensor.ndim == 2 and ".layers." in f".{name}"]
    chosen = {id(tensor) for tensor in inside}
    rest = [tensor for _, tensor in named if id(tensor) not in chosen]
    return [
        torch.optim.Muon(inside, lr=recipe.rate, weight_decay=recipe.decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]

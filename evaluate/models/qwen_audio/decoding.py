"""From prompts to new tokens: one pass over the prompts, then a token at a time for all rows together."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from evaluate.models.margin import Margin
from evaluate.models.qwen_audio.features import Query
from evaluate.models.qwen_audio.network import Memory, Network


@dataclass(frozen=True)
class Decoding:
    """How answers are made; greedy unless there is a temperature."""

    max_new_tokens: int
    end: int
    """The token that ends an answer."""
    min_new_tokens: int = 0
    """So many tokens are said before ``end`` may be."""
    stops: tuple[tuple[int, ...], ...] = ()
    """Sequences that end an answer too: ``end`` follows them, whatever the logits and ``min_new_tokens`` say."""
    vocabulary: int | None = None
    """Ids from here on are never said; None: all may be."""

    # with a temperature
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    """Draws are the same in every batch of one query."""


class Stream:
    """Prompts in the network, and what has been said to them so far."""

    def __init__(self, network: Network, queries: Sequence[Query], max_new_tokens: int):
        self.network = network
        self.queries = queries
        lengths = [len(query.ids) for query in queries]
        self._lengths = torch.tensor(lengths, device=network.device)
        self._frequencies = network.frequencies(lengths)
        self._memory = Memory(network.architecture.layers, max(lengths) + max_new_tokens)

    def first(self) -> Tensor:
        """Logits after the prompts, float32, shape = (batch, vocab_size)."""
        embedded = self.network.embed(self.queries)
        longest = embedded.shape[1]
        columns = torch.arange(longest, device=self.network.device)
        self._padding = longest - self._lengths
        positions = (columns - self._padding[:, None]).clamp(min=0)
        real = columns >= self._padding[:, None]
        mask = (columns[None, :] <= columns[:, None]) & real[:, None, :]
        mask.diagonal(dim1=1, dim2=2).fill_(True)  # padding sees itself: a row without any key has no softmax
        return self.network(embedded, positions, self._frequencies, mask[:, None], self._memory)

    def next(self, tokens: Sequence[int]) -> Tensor:
        """Logits after one more token a row, shape as of ``first``."""
        embedded = self.network.embed_tokens(torch.tensor(tokens, device=self.network.device)[:, None])
        place = self._memory.length
        positions = (place - self._padding)[:, None]
        real = torch.arange(place + 1, device=self.network.device) >= self._padding[:, None]
        return self.network(embedded, positions, self._frequencies, real[:, None, None, :], self._memory)


@torch.inference_mode()
def generate(
    network: Network, queries: Sequence[Query], asked: Decoding, margin: Margin | None = None
) -> list[list[int]]:
    """New tokens of each query, its end token with it where it came to one; queries are rows of one batch. ``margin``
    watches a single one."""
    said: list[list[int]] = [[asked.end] if _stopped(query.ids, [], asked) else [] for query in queries]
    done = [bool(tokens) for tokens in said]
    if all(done):
        return said
    stream = Stream(network, queries, asked.max_new_tokens)
    draws = torch.Generator().manual_seed(asked.seed)
    for step in range(asked.max_new_tokens):
        logits = stream.next([tokens[-1] for tokens in said]) if step else stream.first()
        chosen = _choose(logits, step, asked, draws)
        if margin:
            margin(chosen, logits)
        for row, token in enumerate(chosen):
            if done[row]:
                continue
            said[row].append(token)
            if token == asked.end:
                done[row] = True
            elif _stopped(queries[row].ids, said[row], asked):
                done[row] = True
                said[row] += [asked.end] if step + 1 < asked.max_new_tokens else []
        if all(done):
            break
    return said


def _stopped(prompt: Sequence[int], said: Sequence[int], asked: Decoding) -> bool:
    """The prompt counts too: one that ends in a stop sequence is answered with ``end`` at once."""
    reach = max(map(len, asked.stops), default=0)
    tail = (*prompt[-reach:], *said[-reach:]) if reach else ()
    return any(tail[-len(stop) :] == stop for stop in asked.stops)


def _choose(logits: Tensor, step: int, asked: Decoding, draws: torch.Generator) -> list[int]:
    if asked.vocabulary is not None:
        logits[:, asked.vocabulary :] = -torch.inf
    if step < asked.min_new_tokens:
        logits[:, asked.end] = -torch.inf
    if asked.temperature == 0:
        return logits.argmax(dim=-1).tolist()
    return [_draw(row, asked, draws) for row in logits]


def _draw(logits: Tensor, asked: Decoding, draws: torch.Generator) -> int:
    """A token of the nucleus: the fewest most probable ones that together have ``top_p`` (Holtzman et al. 2020).

    Drawn by inverting the cumulative probabilities with a number from the CPU's generator, the same on any device.
    """
    probabilities, ids = (logits / asked.temperature).softmax(dim=-1).sort(descending=True, stable=True)
    cumulative = probabilities.double().cumsum(dim=-1)
    nucleus = int((cumulative < asked.top_p).sum().clamp(max=len(ids) - 1)) + 1
    threshold = torch.rand((), generator=draws, dtype=torch.float64).item() * cumulative[nucleus - 1]
    return int(ids[min(int((cumulative[:nucleus] <= threshold).sum()), nucleus - 1)])

"""A double of a model on a GPU: it sleeps as long as the GPU would take, and answers with the sample's id."""

import hashlib
import multiprocessing
import time
from collections.abc import Sequence

import numpy as np

from evaluate.config import Generation
from evaluate.models.base import Answer, Model, Request

PER_BATCH, PER_TOKEN = 0.5, 0.3e-3
"""Seconds of a GPU: what a batch takes whatever it holds, and a position of it, padding included."""
NOISE = 0.1
"""Sigma of the lognormal factor on a batch's time."""


class SleepingModel(Model):
    """It counts as loaded at ``begin`` (time since the epoch), so that all workers begin together; with ``slow``, the
    first worker runs at half speed."""

    prompt_styles = ("plain",)
    options = {"scale": 1.0, "begin": 0.0, "slow": False}

    def load(self, device: str) -> None:
        slow = self.option("slow") and multiprocessing.current_process().name == "worker-0"
        self.factor = 2.0 if slow else 1.0
        time.sleep(max(0.0, self.option("begin") - time.time()))

    def prepare(self, requests: Sequence[Request]) -> Sequence[Request]:
        return requests

    def generate(self, batch: Sequence[Request], generation: Generation) -> list[Answer]:
        time.sleep(self.option("scale") * self.factor * gpu_seconds(batch))
        return [Answer(request.id) for request in batch]


def gpu_seconds(requests: Sequence[Request]) -> float:
    """What a GPU would take for a batch; the noise is the batch's own, the same on any worker."""
    tokens = max(request.fields["tokens"] for request in requests) * len(requests)
    seed = int.from_bytes(hashlib.sha256(requests[0].id.encode()).digest()[:8], "big")
    return (PER_BATCH + PER_TOKEN * tokens) * float(np.random.default_rng(seed).lognormal(0.0, NOISE))

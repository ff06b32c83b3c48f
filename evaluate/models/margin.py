"""The margin of an answer: by how much its tokens led, at least. A batch that computes another last digit flips only
what led by less."""

import math
from typing import Any


class Margin:
    """Watches the logits from which the tokens of one answer are chosen greedily. A logits processor of transformers
    that changes nothing."""

    smallest: float | None = None
    """The smallest lead of a chosen token's logit over the next best; None before there is one."""

    def __call__(self, ids: Any, logits: Any) -> Any:
        """``logits``: shape = (1, vocab_size); what may not be said is minus infinity."""
        best, second = logits[0].float().topk(2).values.tolist()
        if math.isfinite(best - second):
            self.smallest = best - second if self.smallest is None else min(self.smallest, best - second)
        return logits


def margin_for(wanted: bool, requests: int, temperature: float) -> Margin | None:
    """A margin to watch where it is asked for and means something: of a single answer, greedily chosen."""
    return Margin() if wanted and requests == 1 and temperature == 0 else None

"""Refusals: what keeps a run from starting, collected so that all of it is said at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from datasets_prep.corpus import CorpusError
from datasets_prep.manifest import ManifestError
from evaluate.config import ConfigError
from evaluate.models.base import ModelError, UnsuitedError
from evaluate.prompts import PromptError
from metrics.base import MetricError
from results.files import RunError


class RefusedError(ValueError):
    """Whatever keeps a run from starting, a sentence each."""

    def __init__(self, sentences: Sequence[str]):
        super().__init__(
            sentences[0] if len(sentences) == 1 else "\n  ".join([f"{len(sentences)} problems:", *sentences])
        )
        self.sentences = list(sentences)


REFUSALS = (ConfigError, CorpusError, ManifestError, ModelError, PromptError, MetricError, RunError, RefusedError)
"""What is raised before any answer is made, for the user to mend."""


def sentences_of(error: Exception) -> list[str]:
    return error.sentences if isinstance(error, RefusedError) else [str(error)]


class Refusals:
    """Refusals that are kept while one looks on."""

    def __init__(self) -> None:
        self._errors: list[Exception] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what is refused within. A task that does not suit the model needs no further look: that is raised."""
        try:
            yield
        except UnsuitedError:
            raise
        except REFUSALS as error:
            self._errors.append(error)

    def stop_if_any(self) -> None:
        """Raise the one that was kept, or of several RefusedError with all."""
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise RefusedError([sentence for error in self._errors for sentence in sentences_of(error)])

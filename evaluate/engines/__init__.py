"""What executes batches: workers, and the parent's side of them."""

from collections.abc import Callable, Mapping, Sequence

from evaluate.config import Engine, ModelConfig
from evaluate.engines.dispatch import Pool
from evaluate.plan import Item


def open_pool(
    model: ModelConfig,
    engine: Engine,
    preload: Sequence[str],
    folders: Sequence[str],
    log: Callable[[str, str], None],
    to_ask: Mapping[str, Sequence[Item]],
) -> Pool:
    """The workers of ``engine.kind``, none of them started yet. By ``to_ask``, samples by task, they find out whether
    the model hears, before they are ready. Raises ConfigError for devices that are not there."""
    if engine.kind == "ray":
        from evaluate.engines.ray_cluster import RayPool

        return RayPool(model, engine, folders, log, to_ask)
    from evaluate.engines.local import LocalPool

    return LocalPool(model, engine, preload, folders, log, to_ask)

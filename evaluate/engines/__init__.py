"""What executes batches: workers, and the parent's side of them."""

from collections.abc import Callable, Sequence

from evaluate.config import Engine, ModelConfig
from evaluate.engines.dispatch import Pool


def open_pool(
    model: ModelConfig, engine: Engine, preload: Sequence[str], folders: Sequence[str], log: Callable[[str, str], None]
) -> Pool:
    """The workers of ``engine.kind``, none of them started yet. Raises ConfigError for devices that are not there."""
    if engine.kind == "ray":
        from evaluate.engines.ray_cluster import RayPool

        return RayPool(model, engine, folders, log)
    from evaluate.engines.local import LocalPool

    return LocalPool(model, engine, preload, folders, log)

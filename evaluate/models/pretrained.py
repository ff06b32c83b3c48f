"""What the models on transformers' own classes share: a checkpoint's folder, and loading that fills no gaps."""

from typing import Any, ClassVar

from evaluate.config import ModelConfig
from evaluate.models.base import Checkpoint, Model, ModelError, hear_transformers


class Pretrained(Model):
    """A model whose weights lie in a checkpoint's folder, or on the hub."""

    preload: ClassVar[tuple[str, ...]] = (
        "torch",
        "safetensors.torch",
        "transformers.modeling_utils",
        "transformers.generation.utils",
    )

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.checkpoint = Checkpoint(config.path or "", config.revision)
        self.folder = self.checkpoint.folder()
        for names in (("tokenizer.json", "vocab.json"), ("preprocessor_config.json", "processor_config.json")):
            if not any((self.folder / name).is_file() for name in names):
                raise ModelError(f"model.path={config.path} holds neither {names[0]} nor {names[1]}: copy it there too")

    def fingerprint(self) -> dict[str, str]:
        return super().fingerprint() | self.checkpoint.fingerprint()

    def device_map(self) -> dict[str, str]:
        """The device of every part of the network, for a class that can be split."""
        raise ModelError(f"{self.config.name} runs on one device")

    def load_pretrained(self, device: str, processor_class: Any, network_class: Any) -> None:
        """Set ``processor``, ``network`` (in evaluation mode) and ``device``. Raises ModelError for a checkpoint with a
        missing, unexpected or misshaped tensor: transformers would go on with random numbers in its place."""
        import torch
        from safetensors import SafetensorError

        hear_transformers()
        self.device = torch.device(device)
        try:
            self.processor = processor_class.from_pretrained(self.folder, local_files_only=True)
            self.network, report = network_class.from_pretrained(
                self.folder,
                dtype=getattr(torch, self.config.dtype.name),
                local_files_only=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # so that the report names them; they are refused below
                output_loading_info=True,
                **({"device_map": self.device_map()} if len(self.devices) > 1 else {}),
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"model.path={self.config.path} does not load: {first}") from error
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if names := sorted(map(_named, report[kind])):
                raise ModelError(
                    f"model.path={self.config.path}: {len(names)} {kind.replace('_', ' ')} in its weights, such as "
                    f"{names[0]}; transformers would go on with random numbers there"
                )
        if len(self.devices) == 1:
            self.network.to(self.device)
        self.network.eval()


def _named(entry: Any) -> str:
    """A tensor of the loading report: its name, or name and shapes where these are at odds."""
    if isinstance(entry, str):
        return entry
    name, found, wanted = entry
    return f"{name} ({tuple(found)} in the file, {tuple(wanted)} in the model)"

"""What torch is told before a model lies on a GPU; the GPU itself is not here."""

import torch

from evaluate.engines.serve import set_precision


def test_float32_is_float32_on_a_gpu() -> None:
    held = (
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cuda.cudnn_sdp_enabled(),
    )
    assert held[0], "torch rounds by itself"
    try:
        set_precision()
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cuda.cudnn_sdp_enabled()
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = held[:2]
        torch.backends.cuda.enable_cudnn_sdp(held[2])

"""What executes batches: workers, and the parent's side of them."""

"""Two runs, sample by sample."""

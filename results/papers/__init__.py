"""What papers report, and whether a run reproduces it."""

"""The models: one class each, behind the seam of ``base.py``."""

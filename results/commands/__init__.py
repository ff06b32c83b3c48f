"""The commands of ``python -m results``, a module each: what is asked in words, and what is printed."""

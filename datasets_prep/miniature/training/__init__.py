"""Lessons without end, of the miniature's kind and never its own clips: sounds, questions about them, answers."""

"""Qwen-Audio and Qwen-Audio-Chat, natively: from a published folder to answers, no remote code."""

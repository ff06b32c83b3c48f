"""How samples are answered: prompts, audio, the plan of batches, engines and models."""

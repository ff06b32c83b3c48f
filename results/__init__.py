"""What came out: run directories, leaderboards, rescoring."""

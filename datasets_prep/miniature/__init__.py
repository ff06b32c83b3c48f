"""The miniature: a small synthetic data set in the shape of four public corpora, made without a download."""

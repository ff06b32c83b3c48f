"""The miniature: a small synthetic data set in the shape of public corpora, made without a download."""

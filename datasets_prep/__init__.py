"""Where samples come from: corpora, and the manifests they end in."""

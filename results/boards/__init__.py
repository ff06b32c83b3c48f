"""Boards: models beside models, with what a test says of the best."""

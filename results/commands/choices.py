"""What several commands let one choose."""

from enum import Enum


class Interval(str, Enum):
    percentile = "percentile"
    bca = "bca"

"""Miners: which of a batch's pairs a loss will see."""

from onesheet.embedding.mining.base import Miner
from onesheet.embedding.mining.distance_weighted import DistanceWeightedMiner
from onesheet.embedding.mining.hard import HardMiner
from onesheet.embedding.mining.multi_similarity import MultiSimilarityMiner
from onesheet.embedding.mining.none import NoMiner
from onesheet.embedding.mining.pair_margin import PairMarginMiner
from onesheet.embedding.mining.semi_hard import SemiHardMiner

__all__ = [
    "DistanceWeightedMiner",
    "HardMiner",
    "Miner",
    "MultiSimilarityMiner",
    "NoMiner",
    "PairMarginMiner",
    "SemiHardMiner",
]

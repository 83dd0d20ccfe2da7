"""Miners: which of a batch's pairs a loss will see."""

from keyart.embedding.mining.base import Miner
from keyart.embedding.mining.distance_weighted import DistanceWeightedMiner
from keyart.embedding.mining.hard import HardMiner
from keyart.embedding.mining.multi_similarity import MultiSimilarityMiner
from keyart.embedding.mining.none import NoMiner
from keyart.embedding.mining.pair_margin import PairMarginMiner
from keyart.embedding.mining.pml import PMLMiner
from keyart.embedding.mining.semi_hard import SemiHardMiner

__all__ = [
    "DistanceWeightedMiner",
    "HardMiner",
    "Miner",
    "MultiSimilarityMiner",
    "NoMiner",
    "PMLMiner",
    "PairMarginMiner",
    "SemiHardMiner",
]

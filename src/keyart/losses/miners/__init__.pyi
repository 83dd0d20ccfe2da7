from keyart.losses.miners.base import Miner as Miner
from keyart.losses.miners.distance_weighted import DistanceWeightedMiner as DistanceWeightedMiner
from keyart.losses.miners.hard import HardMiner as HardMiner
from keyart.losses.miners.multi_similarity import MultiSimilarityMiner as MultiSimilarityMiner
from keyart.losses.miners.none import NoMiner as NoMiner
from keyart.losses.miners.pair_margin import PairMarginMiner as PairMarginMiner
from keyart.losses.miners.pml import PMLMiner as PMLMiner
from keyart.losses.miners.semi_hard import SemiHardMiner as SemiHardMiner

from keyart.losses.angular import AngularLoss as AngularLoss
from keyart.losses.angular_n_pair import AngularNPairLoss as AngularNPairLoss
from keyart.losses.arcface import ArcFaceLoss as ArcFaceLoss
from keyart.losses.asymmetric import AsymmetricLoss as AsymmetricLoss
from keyart.losses.base import (
    Margin as Margin,
    MarginSchedule as MarginSchedule,
    MetricLoss as MetricLoss,
    Relations as Relations,
    compute_relations as compute_relations,
)
from keyart.losses.bce import BCELoss as BCELoss
from keyart.losses.circle import CircleLoss as CircleLoss
from keyart.losses.contrastive import ContrastiveLoss as ContrastiveLoss
from keyart.losses.cosface import CosFaceLoss as CosFaceLoss
from keyart.losses.distillation import DistillationLoss as DistillationLoss
from keyart.losses.gain_supcon import GainSupConLoss as GainSupConLoss
from keyart.losses.gather import gather_rows as gather_rows
from keyart.losses.listwise import ListwiseLoss as ListwiseLoss
from keyart.losses.margin import MarginLoss as MarginLoss
from keyart.losses.memory import CrossBatchMemory as CrossBatchMemory
from keyart.losses.miners.base import Miner as Miner
from keyart.losses.miners.distance_weighted import DistanceWeightedMiner as DistanceWeightedMiner
from keyart.losses.miners.hard import HardMiner as HardMiner
from keyart.losses.miners.multi_similarity import MultiSimilarityMiner as MultiSimilarityMiner
from keyart.losses.miners.none import NoMiner as NoMiner
from keyart.losses.miners.pair_margin import PairMarginMiner as PairMarginMiner
from keyart.losses.miners.pml import PMLMiner as PMLMiner
from keyart.losses.miners.semi_hard import SemiHardMiner as SemiHardMiner
from keyart.losses.multi_similarity import MultiSimilarityLoss as MultiSimilarityLoss
from keyart.losses.n_pair import NPairLoss as NPairLoss
from keyart.losses.ntxent import NTXentLoss as NTXentLoss
from keyart.losses.pml import PMLLoss as PMLLoss, from_pml as from_pml
from keyart.losses.proxy_anchor import ProxyAnchorLoss as ProxyAnchorLoss
from keyart.losses.proxy_nca import ProxyNCALoss as ProxyNCALoss
from keyart.losses.ranked_list import RankedListLoss as RankedListLoss
from keyart.losses.reductions import masked_mean as masked_mean
from keyart.losses.regression import RegressionLoss as RegressionLoss
from keyart.losses.smooth_ap import SmoothAPLoss as SmoothAPLoss
from keyart.losses.sum import SumLoss as SumLoss
from keyart.losses.supcon import SupConLoss as SupConLoss
from keyart.losses.training_loss import TrainingLoss as TrainingLoss
from keyart.losses.triplet import TripletLoss as TripletLoss

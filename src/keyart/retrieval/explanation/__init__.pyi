from keyart.retrieval.explanation.cues import (
    CueAttributions as CueAttributions,
    CueExplainer as CueExplainer,
    explain_cues as explain_cues,
)
from keyart.retrieval.explanation.gradients import (
    Attributions as Attributions,
    integrated_gradients as integrated_gradients,
)
from keyart.retrieval.explanation.hybrids import CUES as CUES
from keyart.retrieval.explanation.pair import (
    CELL as CELL,
    AveragePoster as AveragePoster,
    Explanation as Explanation,
    PosterAttribution as PosterAttribution,
    explain_pair as explain_pair,
)
from keyart.retrieval.explanation.resampling import resample as resample

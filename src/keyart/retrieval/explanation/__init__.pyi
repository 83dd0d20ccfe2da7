from keyart.retrieval.explanation.cues import (
    CueAttributions as CueAttributions,
)
from keyart.retrieval.explanation.cues import (
    CueExplainer as CueExplainer,
)
from keyart.retrieval.explanation.cues import (
    explain_cues as explain_cues,
)
from keyart.retrieval.explanation.gradients import (
    Attributions as Attributions,
)
from keyart.retrieval.explanation.gradients import (
    integrated_gradients as integrated_gradients,
)
from keyart.retrieval.explanation.hybrids import CUES as CUES
from keyart.retrieval.explanation.pair import (
    CELL as CELL,
)
from keyart.retrieval.explanation.pair import (
    AveragePoster as AveragePoster,
)
from keyart.retrieval.explanation.pair import (
    Explanation as Explanation,
)
from keyart.retrieval.explanation.pair import (
    PosterAttribution as PosterAttribution,
)
from keyart.retrieval.explanation.pair import (
    explain_pair as explain_pair,
)
from keyart.retrieval.explanation.resampling import resample as resample

from keyart.utils.bootstrap import (
    Interval as Interval,
)
from keyart.utils.bootstrap import (
    bootstrap_intervals as bootstrap_intervals,
)
from keyart.utils.bootstrap import (
    percentile_ends as percentile_ends,
)
from keyart.utils.bootstrap import (
    resample_means as resample_means,
)
from keyart.utils.cache import cache_folder as cache_folder
from keyart.utils.paths import cache_root as cache_root

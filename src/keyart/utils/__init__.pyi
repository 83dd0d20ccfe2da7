from keyart.utils.bootstrap import (
    Interval as Interval,
    bootstrap_intervals as bootstrap_intervals,
    percentile_ends as percentile_ends,
    resample_means as resample_means,
)
from keyart.utils.cache import cache_folder as cache_folder
from keyart.utils.paths import cache_root as cache_root

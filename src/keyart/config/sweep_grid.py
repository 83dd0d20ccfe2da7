"""The jobs of a sweep's command line: all jobs of a grid, and the corners of a search space."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

MAX_JOBS_CHECKED = 4096
"""Maximum number of combinations to check; in larger spaces only all pairs of values are checked."""


def parse(overrides: Sequence[str], loader: ConfigLoader | None = None) -> list[Override]:
    """Parse overrides as Hydra does.

    Args:
        overrides: ``key=value`` overrides, each with one value or several.
        loader: Config loader; needed only for ``glob(…)``.
    """
    return OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))


def values_of(override: Override, *, search: bool = False) -> list[str]:
    """Return the overrides that a job can get: each value of a sweep, both ends of an interval, or the override itself.

    Args:
        override: A parsed override.
        search: Whether Optuna reads it; Optuna includes the end of a range.
    """
    key = override.get_key_element()
    written = override.value()
    if search and isinstance(written, RangeSweep):
        return list(dict.fromkeys([*values_of(override), f"{key}={written.stop}"]))
    if override.is_discrete_sweep():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    if isinstance(written, IntervalSweep):
        return [f"{key}={written.start}", f"{key}={written.end}"]
    assert override.input_line is not None
    return [override.input_line]


def with_params(overrides: Sequence[str], params: Mapping[str, object] | None) -> list[str]:
    """Add a sweeper's own ``params`` before the overrides of the command line, which take precedence."""
    given = {override.split("=", 1)[0].lstrip("+~") for override in overrides}
    own = [f"{key}={value}" for key, value in (params or {}).items() if key.lstrip("+~") not in given]
    return [*own, *overrides]


def swept_keys(overrides: Sequence[str], loader: ConfigLoader | None = None) -> list[str]:
    """Return the swept keys, as on the command line."""
    found = [o.get_key_element().lstrip("+") for o in parse(overrides, loader) if o.is_sweep_override()]
    return list(dict.fromkeys(found))


def expand(overrides: Sequence[str], loader: ConfigLoader | None = None) -> list[list[str]]:
    """Return the overrides of each job of a grid, in the order of Hydra's basic sweeper.

    For an interval, from which only a search can sample, the two ends are used.

    Examples:
        >>> expand(["loss.margin=36,40", "seed=1"])
        [['loss.margin=36', 'seed=1'], ['loss.margin=40', 'seed=1']]
        >>> expand(["optimizer.lr=tag(log, interval(0.001, 0.1))"])
        [['optimizer.lr=0.001'], ['optimizer.lr=0.1']]
    """
    return [list(job) for job in product(*(values_of(override) for override in parse(overrides, loader)))]


def covering_jobs(
    overrides: Sequence[str], loader: ConfigLoader | None = None, *, search: bool = False
) -> Iterator[list[str]]:
    """Yield jobs that cover every value and every pair of values of a grid or search space.

    If there are few combinations, these are all of them; otherwise all pairs, with the other keys at their first value.
    """
    choices = [values_of(override, search=search) for override in parse(overrides, loader)]
    size = 1
    for values in choices:
        size *= len(values)
    if size <= MAX_JOBS_CHECKED:
        yield from (list(job) for job in product(*choices))
        return
    first = [values[0] for values in choices]
    swept = [at for at, values in enumerate(choices) if len(values) > 1]
    for a, b in combinations(swept, 2):
        for one, other in product(choices[a], choices[b]):
            job = list(first)
            job[a], job[b] = one, other
            yield job

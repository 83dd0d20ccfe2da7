"""The jobs that a command line asks for: every one of a grid, and the corners of a search space."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

MOST_CORNERS = 4096
"""Of larger spaces every pair of values is checked, not every combination."""


def parse(overrides: Sequence[str], loader: ConfigLoader | None = None) -> list[Override]:
    """Overrides as Hydra reads them.

    Args:
        overrides: ``key=value``, a value each or several.
        loader: Needed for ``glob(…)`` alone.

    Raises:
        HydraException: One cannot be read.
    """
    return OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))


def values_of(override: Override, *, search: bool = False) -> list[str]:
    """What a job's override may become: each value of a sweep, the two ends of an interval, or the override itself.

    Args:
        override: A parsed one.
        search: Whether Optuna reads it, to which the end of a range belongs to it.
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
    """A sweeper's own ``params`` before the overrides of the command line, which take precedence.

    Args:
        overrides: Those of the command line.
        params: ``hydra.sweeper.params``: values, or what is swept, by key.
    """
    given = {override.split("=", 1)[0].lstrip("+~") for override in overrides}
    own = [f"{key}={value}" for key, value in (params or {}).items() if key.lstrip("+~") not in given]
    return [*own, *overrides]


def swept_keys(overrides: Sequence[str], loader: ConfigLoader | None = None) -> list[str]:
    """The keys that are swept, as one writes them on the command line."""
    found = [o.get_key_element().lstrip("+") for o in parse(overrides, loader) if o.is_sweep_override()]
    return list(dict.fromkeys(found))


def expand(overrides: Sequence[str], loader: ConfigLoader | None = None) -> list[list[str]]:
    """The overrides of each job of a grid, in the order in which Hydra's basic sweeper runs them.

    Of an interval, which only a search can draw from, its two ends are taken.

    Examples:
        >>> expand(["loss.margin=36,40", "seed=1"])
        [['loss.margin=36', 'seed=1'], ['loss.margin=40', 'seed=1']]
        >>> expand(["optimizer.lr=tag(log, interval(0.001, 0.1))"])
        [['optimizer.lr=0.001'], ['optimizer.lr=0.1']]
    """
    return [list(job) for job in product(*(values_of(override) for override in parse(overrides, loader)))]


def corners(
    overrides: Sequence[str], loader: ConfigLoader | None = None, *, search: bool = False
) -> Iterator[list[str]]:
    """Jobs among which every value, and every pair of values, of a grid or search space occurs.

    These are all combinations where they are few enough; else all pairs, the other keys at their first value.
    """
    choices = [values_of(override, search=search) for override in parse(overrides, loader)]
    size = 1
    for values in choices:
        size *= len(values)
    if size <= MOST_CORNERS:
        yield from (list(job) for job in product(*choices))
        return
    first = [values[0] for values in choices]
    swept = [at for at, values in enumerate(choices) if len(values) > 1]
    for a, b in combinations(swept, 2):
        for one, other in product(choices[a], choices[b]):
            job = list(first)
            job[a], job[b] = one, other
            yield job

"""Words that one judge reads and the other does not: how many, in a sentence."""

from benchmarks.report.record import Record
from benchmarks.study import Study


def note(study: Study, record: Record, task: str, source: str) -> str | None:
    """How many of a variant's pictures only the first judge reads, and how many only the second,
    over all its seeds; None where not both have read them.

    Args:
        source: which picture, as raw or composited.
    """
    first, second = f"SeqAcc/{source}", f"SeqAcc-second/{source}"
    if not {first, second} <= set(record.images):
        return None
    here = record.images[record.images.task == task].dropna(subset=[first, second])
    by_first, by_second = here[first] > here[second], here[second] > here[first]
    alone = here.assign(by_first=by_first, by_second=by_second, n=1).groupby("variant")
    counts = alone[["by_first", "by_second", "n"]].sum()
    said = [
        f"{variant.name} {counts.by_first[variant.name]} and {counts.by_second[variant.name]} of "
        f"{counts.n[variant.name]}"
        for variant in study.variants
        if variant.name in counts.index
    ]
    if not said:
        return None
    return f"{source}, read by the first judge alone, and by the second: {'; '.join(said)}."

"""A contrast: the difference a study is made to see, declared before it is run."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from dreamtext.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """`variant` minus `against` in one metric of one task. Only declared contrasts are tested."""

    variant: str
    against: str
    metric: str = "SeqAcc/raw"
    task: str = "reconstruction"

    def __str__(self) -> str:
        return f"{self.variant} - {self.against}, {self.metric}, {self.task}"

    def check(
        self,
        study: str,
        variants: Collection[str],
        metrics: Collection[str],
        tasks: Collection[str],
    ) -> None:
        """Refuse what is no part of the study, by name.

        Raises:
            UserError: an unknown variant, metric or task, or a variant against itself.
        """
        asked = (
            ("variant", self.variant, variants),
            ("variant", self.against, variants),
            ("metric", self.metric, metrics),
            ("task", self.task, tasks),
        )
        for kind, name, known in asked:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                raise UserError(
                    f"study '{study}' declares a contrast ({self}) whose {kind} '{name}' it does "
                    f"not have{hint} It has: {', '.join(known)}"
                )
        if self.variant == self.against:
            raise UserError(f"study '{study}' contrasts '{self.variant}' with itself")

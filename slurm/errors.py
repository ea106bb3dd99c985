"""The kinds of error of this package: misuse and failure, and what only needs to be said."""


class SlurmInputError(ValueError):
    """The request cannot be used: names it, what was expected and what to do. Exit code 2."""


class SlurmWarning(UserWarning):
    """Something is passed over or not known; the work goes on."""


class SlurmError(RuntimeError):
    """The work failed although the request was fine: names what and what to do. Exit code 1."""

"""The two kinds of error of this package, told apart as misuse and failure."""


class SlurmInputError(ValueError):
    """The request cannot be used: names it, what was expected and what to do. Exit code 2."""


class SlurmError(RuntimeError):
    """The work failed although the request was fine: names what and what to do. Exit code 1."""

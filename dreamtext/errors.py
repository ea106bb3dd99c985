"""The two kinds of error a user meets, and the exit code each one has on the command line."""


class UserError(ValueError):
    """The input cannot be used: names it, what was expected and what to do. Exit code 2."""


class RunError(RuntimeError):
    """The work failed although the input was fine: names what and what to do. Exit code 1."""


class Interrupted(RunError):
    """The work was asked to stop, saved its state and can be resumed by the same command."""

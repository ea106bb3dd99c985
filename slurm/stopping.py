"""A polite stop: signals set a flag, the work looks at it and leaves when its state is saved."""

import signal
from types import FrameType
from typing import Any

STOP_SIGNALS = (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)


class StopFlag:
    """Installs handlers for USR2, TERM and INT that only set a flag; call it to read the flag.

        with StopFlag() as stop:
            while work_left() and not stop():
                step()

    SLURM's time limit and preemption arrive as USR2, an administrator's requeue and `scancel` as
    TERM, the keyboard as INT. A handler that did more (save, requeue) would run between two
    arbitrary byte codes of the work. A second INT raises `KeyboardInterrupt`, for the impatient.
    Handlers are put back on exit. Only the main thread may install them (Python's rule).
    """

    def __init__(self, signals: tuple[int, ...] = STOP_SIGNALS) -> None:
        self._signals = signals
        self._before: dict[int, Any] = {}
        self.received: list[int] = []

    def __call__(self) -> bool:
        return bool(self.received)

    @property
    def reason(self) -> str:
        """Name of the first signal, such as `SIGUSR2`; empty while there was none."""
        return signal.Signals(self.received[0]).name if self.received else ""

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        impatient = number == signal.SIGINT and signal.SIGINT in self.received
        self.received.append(number)
        if impatient:
            raise KeyboardInterrupt

    def __enter__(self) -> "StopFlag":
        for number in self._signals:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before.clear()

"""How many threads BLAS may use during a fit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController


class _SingleThread:
    """Limits BLAS to one thread while at least one fit runs, and restores what was before.

    The products of a small network are faster on one thread than on two, and float32 products
    differ in bits between thread counts: one thread everywhere makes results equal, in the parent
    process as in workers. Limits of threadpoolctl that overlap in time would restore a wrong
    number, hence one limit and a count of its users.

    The libraries are looked for once, which takes as long as a small task of a cluster does: those
    of NumPy and SciPy are loaded before this module is of use.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._libraries: ThreadpoolController | None = None
        self._limits: Any = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._users == 0:
                self._libraries = self._libraries or ThreadpoolController()
                self._limits = self._libraries.limit(limits=1, user_api="blas")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._limits.restore_original_limits()


single_blas_thread = _SingleThread()

"""Services: functions that do what is due and say when to call them again, each in a loop of its own thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from spane.errors import StoreError

_logger = logging.getLogger("spane.services")


@dataclass(frozen=True, slots=True)
class Service:
    """Something to be done again and again.

    `run_once` returns after how many seconds it wants its next turn; `retry_s` is the pause after a failure.
    """

    name: str
    run_once: Callable[[], float]
    retry_s: float


class Services:
    """The service loops of one process."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, service: Service) -> None:
        """Run a service in a thread of its own until `stop`."""
        thread = threading.Thread(target=self._loop, args=(service,), name=f"spane-{service.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _loop(self, service: Service) -> None:
        failing = False
        wait_s = 0.0
        while not self._stopped.wait(wait_s):
            try:
                wait_s = service.run_once()
                failing = False
            except StoreError as error:
                if not failing:
                    _logger.warning("%s cannot reach Redis: %s", service.name, error)
                failing = True
                wait_s = service.retry_s
            except Exception:
                _logger.exception("Service %s failed; it goes on in %g s.", service.name, service.retry_s)
                wait_s = service.retry_s

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop all loops and wait for their current turn."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout_s)
        self._threads.clear()

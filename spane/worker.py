"""The module for `dramatiq spane.worker myapp.flows`: a broker made from SPANE_* settings, set as Dramatiq's own.

User modules named after it register their nodes and workflows; actors declared in them by `@dramatiq.actor`
run beside SPANE's.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import dramatiq

from spane.engine import Engine
from spane.errors import SettingsError, SpaneError
from spane.runtime.suitability import require_suitable
from spane.settings import Settings

#: Dramatiq's own exit codes: a module or an option at fault, the broker not to be reached.
_CANNOT_IMPORT, _CANNOT_CONNECT = 2, 3


def _engine() -> Engine:
    """Return an engine on a Redis that keeps what it is given, or end the process with one paragraph that says why not."""
    try:
        engine = Engine(settings=Settings())
        require_suitable(engine.store.client, allow=engine.settings.allow_unsafe_redis, prefix=engine.store.keys.prefix)
    except SpaneError as error:
        _end(error)
    return engine


def _end(error: SpaneError) -> NoReturn:
    sys.stderr.write(f"spane.worker: {error}\n")
    sys.stderr.flush()
    sys.exit(_CANNOT_IMPORT if isinstance(error, SettingsError) else _CANNOT_CONNECT)


engine = _engine()
settings = engine.settings
broker = engine.broker
broker.boot_failed = _end
dramatiq.set_broker(broker)

"""The module for `dramatiq spane.worker myapp.flows`: a broker made from SPANE_* settings, set as Dramatiq's own.

User modules named after it register their nodes and workflows; actors declared in them by `@dramatiq.actor`
run beside SPANE's.
"""

from __future__ import annotations

import dramatiq

from spane.engine import Engine
from spane.runtime.suitability import require_suitable
from spane.settings import Settings

settings = Settings()
engine = Engine(settings=settings)
require_suitable(engine.store.client, allow=settings.allow_unsafe_redis)
broker = engine.broker
dramatiq.set_broker(broker)

"""Several Dramatiq workers in one process share its node-running half."""

from __future__ import annotations

import fakeredis
import pytest
from dramatiq import Worker

from spane.runtime.in_process import InProcessBroker
from spane.runtime.keys import Keys
from spane.runtime.store import Store


@pytest.fixture
def broker() -> InProcessBroker:
    return InProcessBroker(Store(fakeredis.FakeRedis(server_type="redis"), Keys(), functions=False))


def test_a_worker_takes_its_threads_with_it_and_the_last_one_ends_the_session(broker):
    first, second = (Worker(broker, worker_threads=threads) for threads in (2, 3))
    first.start()
    second.start()
    process = broker.process
    assert 5 == process.pump.holdings.threads
    second.stop()
    assert (2, process) == (process.pump.holdings.threads, broker.process)
    first.stop()
    assert broker.process is None
    assert 0 == broker.store.client.zcard(broker.store.keys.sessions)

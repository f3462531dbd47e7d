"""SPANE beside plain Dramatiq, on one Redis, in one run: `nox -s bench` or `python -m tests.benchmarks`.

All peers use one redis-server, emptied between them, two worker processes each, and the same shapes:

    no-op         one node that does nothing
    chain-10      ten nodes in a row, each adding one
    diamond       one, two side by side, one
    fan-100       one, a hundred side by side, a join that reads them all
    layered       ten layers of ten, each node reading the whole layer before it

Workflows are submitted by one producer with what the peer offers for many: `start_many` in chunks of 500 for SPANE,
`send` and `run` one by one for Dramatiq, which has nothing for many. Layers that plain Dramatiq needs between layers, and
the join that SPANE's last layer needs, are not counted as nodes. "Commands" are all that Redis ran, inside scripts too.

A batch is timed from the first submit until the last node of every workflow has signalled, submitting included. Signals go to a
redis-server of their own over a raw socket, at the same cost for every peer. Before each repetition some workflows
run to wake what has backed off. CPU is that of everything started: both servers, workers, driver. Figures are medians of
the repetitions; `foreign` is the share of the machine that others used meanwhile, and a run with much of it says little.
Latency is measured with one workflow at a time, back to back (warm) and after a pause (idle).

Absolute figures belong to a machine. Compare the ratios, and those of one run only.
"""

"""Every Redis key, with its type, what it holds and how long it lives.

All keys of one partition share a hash tag, so that a partition fits one slot of a Redis Cluster.

    key                     type    holds                                            lives
    x:<execution>           hash    status, counts, state of every started node      until retired
    o:<execution>           hash    inputs, output of each node, signals             until retired
    b:<execution>           hash    values too large to stand inline                 until retired
    j:<execution>           bitmap  arrivals, a bit per (join group, parent)         until retired
    k:<execution>           list    nodes and cursors put aside, and why             until retired
    u:<execution>           list    nodes to be undone, in order of completion       until retired
    d:<execution>           list    nodes that failed it and were not retried        until retired
    c:<execution>           list    its children `execution|node`, oldest first      until retired
    p:<plan>                hash    the plan, a field or three per node              while used + 24 h
    gone:<plan>             string  that workers were told that the plan is lost     10 min
    q:<queue>:<priority>    list    hints `execution|node`                           -
    wake:<queue>[~ or :m]   list    a token or few: for threads, loop, messages      -
    ses                     zset    worker sessions by when their lease ends         -
    w:<session>             hash    `execution|node` -> token                        the session
    t                       zset    timers by due time                               until due
    sp                      list    cursors of children not yet released             until done
    dl                      zset    dead letters `execution|node` by time            own retention
    key:<workflow>:<key>    string  execution and digest of its inputs (of a tenant: run + 24 h
                                    key:<workflow>:<tenant>|<key>, and so below)
    lease                   hash    session -> length of its lease, what it serves   the session
    unfit                   hash    lane `queue@fingerprint` -> why nobody fitted    until it is empty
    br:<name>               hash    how a circuit breaker stands, unless closed      a day after its last change
    br:<name>:f, :w         zset, list  failures of its window; who waits at it      the window; until roused
    brs                     zset    breakers by their last change                    -
    active                  zset    executions by when they were last swept          while they run
    ev, ctl                 stream  facts; notices to workers                        trimmed; 10 min
    recent:<workflow>:<key> string  the start that throttles others, its id          the period
    quiet:<workflow>:<key>  string  the start that is debounced, its id              its delay + 24 h
    lims                    hash    rule of every limit, by type or @workflow        -
    lim:<pool>              hash    who holds a slot of a limit, and its token       while held
    lim:<pool>:o, :w        zset  whom one is kept for; who waits for one        until claimed
    lim:<pool>:r            list    starts of the last period (with a burst: string) the period
    pools                   zset    limits in use by when they were last swept       while used
    ageing                  string  ms of waiting that a priority is worth           while nodes age
    rests                   hash    types that rest, and until when                  until then
    r:<execution>           list    one token for whoever waits for the result       60 s
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Builds the keys of one partition."""

    namespace: str = "s"
    partition: int = 0

    @property
    def prefix(self) -> str:
        """What every key of the partition begins with; the only KEY of every script."""
        return f"{self.namespace}:{{{self.partition}}}:"

    def execution(self, execution: str) -> str:
        """Return the key of the state of an execution and of its nodes."""
        return f"{self.prefix}x:{execution}"

    def outputs(self, execution: str) -> str:
        """Return the key of inputs and outputs of an execution."""
        return f"{self.prefix}o:{execution}"

    def blobs(self, execution: str) -> str:
        """Return the key of large values of an execution."""
        return f"{self.prefix}b:{execution}"

    def children(self, execution: str) -> str:
        """Return the key of the children of an execution."""
        return f"{self.prefix}c:{execution}"

    def to_be_undone(self, execution: str) -> str:
        """Return the key of the nodes of an execution that are to be undone."""
        return f"{self.prefix}u:{execution}"

    def plan(self, plan_hash: str) -> str:
        """Return the key of a stored plan."""
        return f"{self.prefix}p:{plan_hash}"

    @property
    def queues(self) -> str:
        """What the key of every queue begins with; its name and a priority follow."""
        return f"{self.prefix}q:"

    def queue(self, queue: str, priority: int) -> str:
        """Return the key of hints of one queue at one priority."""
        return f"{self.queues}{queue}:{priority}"

    def wake(self, queue: str) -> str:
        """Return the key of the wake token of a queue, `queue~` for event loops, `queue:m` for messages."""
        return f"{self.prefix}wake:{queue}"

    def waiter(self, execution: str) -> str:
        """Return where whoever waits for an execution's end listens."""
        return f"{self.prefix}r:{execution}"

    def session(self, session: str) -> str:
        """Return the key of what a worker session holds."""
        return f"{self.prefix}w:{session}"

    def start_key(self, workflow: str, key: str, tenant: str = "") -> str:
        """Return where it stands which execution a start key belongs to; a tenant's keys are its own."""
        return f"{self.prefix}key:{workflow}:{tenant}{'|' if tenant else ''}{key}"

    @property
    def sessions(self) -> str:
        """Worker sessions by the end of their lease."""
        return f"{self.prefix}ses"

    @property
    def leases(self) -> str:
        """Length of each session's lease in ms, and what it serves (`host:process|queues|lanes`)."""
        return f"{self.prefix}lease"

    @property
    def timers(self) -> str:
        """Timers by due time."""
        return f"{self.prefix}t"

    @property
    def cursors(self) -> str:
        """Cursors of children not yet released."""
        return f"{self.prefix}sp"

    @property
    def dead_letters(self) -> str:
        """Dead letters by time."""
        return f"{self.prefix}dl"

    @property
    def unfit(self) -> str:
        """Lanes whose nodes no worker has fitted."""
        return f"{self.prefix}unfit"

    def breaker(self, name: str) -> str:
        """Return the key of a circuit breaker."""
        return f"{self.prefix}br:{name}"

    @property
    def breakers(self) -> str:
        """Names of circuit breakers by their last change."""
        return f"{self.prefix}brs"

    @property
    def limits(self) -> str:
        """The rule of every limit, by node type or @workflow."""
        return f"{self.prefix}lims"

    def pool(self, name: str) -> str:
        """Return the key of who holds a slot of a limit; whom one is kept for stands at `:o`, who waits at `:w`."""
        return f"{self.prefix}lim:{name}"

    @property
    def pools(self) -> str:
        """Limits in use by when they were last swept."""
        return f"{self.prefix}pools"

    @property
    def rests(self) -> str:
        """Node types that rest, and until when."""
        return f"{self.prefix}rests"

    @property
    def active(self) -> str:
        """Executions that have not ended."""
        return f"{self.prefix}active"

    @property
    def events(self) -> str:
        """The stream of facts."""
        return f"{self.prefix}ev"

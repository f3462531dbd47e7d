"""Mutants: the transitions with one thing wrong. A checker that lets one live proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.property.shapes import CROWDED


@dataclass(frozen=True)
class Mutant:
    """A change of text in one script, or in all that include it. `old` must stand there."""

    name: str
    old: str
    new: str
    script: str | None = None
    #: The shape of plans that it is looked for in; any without one.
    shape: str | None = None

    def change(self, script: str, text: str) -> str:
        """Return the text of a script with the fault in it."""
        return text.replace(self.old, self.new) if self.script in (None, script) else text

    def applied(self, seen: list[str]) -> Callable[[str, str], str]:
        """Return the change, noting in `seen` the scripts that it changed."""

        def mutate(script: str, text: str) -> str:
            changed = self.change(script, text)
            if changed != text:
                seen.append(script)
            return changed

        return mutate


_LEASE_CLEARED = "redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)\nif flag"

UNDONE = "undone chain"
ITEMS_UNDONE = "undone maps"
CHILDREN_UNDONE = "undone nested"

MUTANTS = (
    Mutant("no fence", "if holder ~= token then", "if false then", "commit"),
    Mutant("a commit is taken twice", "if letter ~= 'R' then return {'again'} end", "", "commit"),
    Mutant(
        "a fenced attempt writes its output",
        "if holder ~= token then",
        "redis.call('HSET', P .. 'o:' .. execution, node, payload)\nif holder ~= token then",
        "commit",
    ),
    Mutant("the last item rouses nobody", "out.roused = rouse(", "out.roused = (function() end)("),
    Mutant("a map is roused one item early", "if m.done == m.total then", "if m.done == m.total - 1 then"),
    Mutant(
        "an ended item gives its place to nobody", "elseif m.next < m.total and not m.moving then", "elseif false then"
    ),
    Mutant("more items than may are in flight", "math.min(m.total, m.done + m.most)", "m.total"),
    Mutant("an item is given twice", "m.next, m.moving = last, last < may", "m.next, m.moving = last - 1, last < may"),
    Mutant("an expansion is taken twice", "if letter ~= 'R' then return {'again'} end", "", "expand"),
    Mutant(
        "items of a paused map are never queued",
        "put_aside(execution, 'cursor|' .. execution .. '|i:' .. map .. '|0', status)",
        "",
        "expand",
        shape="maps",
    ),
    Mutant("the join is one early", "== tonumber(need)", "== tonumber(need) - 1"),
    Mutant("the join is one late", "== tonumber(need)", "== tonumber(need) + 1"),
    Mutant("arrivals share a bit", "P .. 'j:' .. execution, bit, 1", "P .. 'j:' .. execution, 0, 1"),
    Mutant("a claim without a lease", "  lease(session, execution, node, token)\n", "", "fetch"),
    Mutant("a child handed over without a lease", "  lease(session, execution, given, ARGV[12])\n", "", "commit"),
    Mutant("a child handed over does not count", "run = run + 1", "run = run"),
    Mutant("the lease outlives the commit", _LEASE_CLEARED, "if kind", "commit"),
    Mutant(
        "split: the result now, the children never",
        "if #out.ready > 0 or #out.cursors > 0 then enqueue(execution, out, priority, now, fields) end",
        "",
    ),
    Mutant(
        "split: the state now, the hint never",
        "redis.call('RPUSH', entry[1], unpack",
        "redis.call('LLEN', entry[1]) local _ = (unpack",
    ),
    Mutant(
        "the rest of a fan-out is forgotten",
        "for _, cursor in ipairs(out.cursors) do redis.call('RPUSH', P .. 'sp', cursor) end",
        "",
    ),
    Mutant(
        "the rest of the rest is forgotten",
        "if string.sub(text, -1) == '+' then out.cursors[#out.cursors + 1] = own_cursor end",
        "",
        "fetch",
    ),
    Mutant("cursors do not count", "h[4] + #out.ready + #out.cursors - 1", "h[4] + #out.ready - 1", "fetch"),
    Mutant("a closed gate lets through", "if closed then redis", "if false then redis"),
    Mutant("a closed gate lets an only child through", "if (plain and gates == '') or not", "if plain or not"),
    Mutant(
        "a skipped parent counts as one that ran", "local dead, closed = not came.ran", "local dead, closed = false"
    ),
    Mutant("one skipped parent skips a join", ">= data)", ">= 1)"),
    Mutant(
        "a skip goes no further",
        "if text then release(execution, plan, text, execution",
        "if false then release(execution, plan, text, execution",
    ),
    Mutant(
        "a node that skips itself runs its children",
        "elseif skipped then came = SKIPPED",
        "elseif skipped then came = RAN",
        "commit",
    ),
    Mutant(
        "a breaker forgets who waits at it",
        "  redis.call('RPUSH', P .. 'br:' .. name .. ':w', execution .. '|' .. node)\n",
        "",
        "await",
    ),
    Mutant("a duplicate hint is claimed", "if letter ~= 'Q' then return false end", "", "fetch"),
    Mutant("an ending execution starts nodes", "  if not may_start(h[2], node) then\n", "  if false then\n", "fetch"),
    Mutant("a failing execution releases children", "targets and status ~= 'running' then", "targets and false then"),
    Mutant(
        "completed one node early",
        "elseif open == 0 then status, tail",
        "elseif open <= 1 then status, tail",
    ),
    Mutant("failed while siblings run", "if run > 0 then\n        fields", "if run > 99 then\n        fields"),
    Mutant("cancelled while nodes run", "if h[2] == '0' then", "if true then", "cancel"),
    Mutant("a start key is not looked at", "  if holder then\n", "  if false then\n", "start"),
    Mutant(
        "a start is taken twice", "if redis.call('EXISTS', X) == 1 then return {'again', execution} end", "", "start"
    ),
    Mutant("what is given back is given to nobody", "      push_front(lane_of", "      type(lane_of", "give_back"),
    Mutant(
        "a rescue takes nothing back",
        "  lose(execution, node, attempts[i + 1], now, ARGV[3], ARGV[4], lone)\n",
        "",
        "rescue",
    ),
    Mutant("the last given back ends nothing", "if h.run > 1 or (h.status", "if h.run > 0 or (h.status"),
    Mutant("resync finds nothing", "for i = 1, #held, 2 do", "for i = 1, 0, 2 do", "resync"),
    Mutant(
        "a lost node is not queued",
        "else push(lane_of(queue, flag), own ~= '' and own or h.priority, execution .. '|' .. node) end",
        "else local _ = 0 end",
    ),
    Mutant(
        "the clock's step back is not seen",
        "if tonumber(redis.call('ZSCORE', P .. 'ses', session)) > ends + 1000 then",
        "if false then",
        "rescue",
    ),
    Mutant("neighbours are charged", "if flag == 'm' then crashes = crashes + 1 end", "crashes = crashes + 1"),
    Mutant("a poison node is never charged", "if flag == 'm' then crashes = crashes + 1 end", ""),
    Mutant("failures do not count", "failures = failures + 1", "failures = failures + 0", "commit"),
    Mutant(
        "a retry without a timer",
        "    set_timer('n|' .. execution .. '|' .. node, since, queue)\n",
        "",
        "commit",
    ),
    Mutant(
        "a due timer is dropped",
        "    line_up(lane_of(queue, flag), own ~= '' and own or h[4], execution .. '|' .. node)\n",
        "",
        "fetch",
    ),
    Mutant(
        "an ended execution is kept for ever",
        "redis.call('PEXPIRE', P .. 'x:' .. execution, kept_ms)\n",
        "local _ = 0\n",
    ),
    Mutant("an ended execution holds its plan", "'refs', -1)", "'refs', 0)"),
    Mutant(
        "a dead letter is not kept",
        "  redis.call('ZADD', P .. 'dl', int(now), execution .. '|' .. node)\n",
        "",
        "commit",
    ),
    Mutant("no event for a rescue", "  event('l', execution", "  local _ = (execution"),
    Mutant(
        "two terminal events",
        "  local entry = event(letter, execution .. '|' .. h[1]",
        "  event(letter, execution .. '|' .. h[1]) local entry = event(letter, execution .. '|' .. h[1]",
    ),
    Mutant("the sweep finds no lost hint", "  if not lost then return end\n", "  do return end\n", "sweep"),
    Mutant("the sweep doubts every hint", "  if not lost then return end\n", "", "sweep"),
    Mutant(
        "the sweep finds no lost lease",
        "if letter == 'R' then return mend_lease",
        "if false then return mend_lease",
        "sweep",
    ),
    Mutant(
        "what a pause or a failure puts off is forgotten",
        "    put_aside(execution, 'cursor|' .. execution .. '|' .. what .. '|0' .. behind, status)\n",
        "",
    ),
    Mutant("a resume offers nothing", "offer(execution, plan, h[3], now)\n", "", "resume"),
    Mutant(
        "a resume offers only the first part",
        "if redis.call('LLEN', K) > 0 then redis.call('RPUSH'",
        "if redis.call('LLEN', K) > 0 then type('RPUSH'",
    ),
    Mutant("a resume ends what is not done", "if bad or open == '0' then", "if true then", "resume"),
    Mutant("a paused execution ends", "if h[1] ~= 'running' and h[1] ~= 'scheduled'", "if false", "pause"),
    Mutant(
        "a healed execution offers nothing",
        "then offer(execution, plan_hash, priority, now) end",
        "then local _ = 0 end",
        "heal",
    ),
    Mutant(
        "a healed execution does not hold its plan", "hold(plan_hash, redis.call", "type(plan_hash, redis.call", "heal"
    ),
    Mutant(
        "a healed execution is not looked over",
        "redis.call('ZADD', P .. 'active', int(now), execution)",
        "local _ = 0",
        "heal",
    ),
    Mutant("a healed execution keeps its generation", "'HINCRBY', X, '@g', 1)", "'HINCRBY', X, '@g', 0)", "heal"),
    Mutant(
        "a dead letter is retried twice",
        "if redis.call('ZREM', P .. 'dl', execution .. '|' .. node) == 1 then",
        "if true then",
        "heal",
    ),
    Mutant("a retried node keeps its failures", "'Q', '', 0, 0, now, '')", "'Q', '', 7, 0, now, '')", "heal"),
    Mutant(
        "a retried node does not count", "'HINCRBY', X, '@open', 1 + item", "'HINCRBY', X, '@open', 0 * item", "heal"
    ),
    Mutant("a dead letter that is left does not matter", "if bad then return 'failed', bad end", ""),
    Mutant(
        "a cancelled attempt is cancelled in an execution that is not",
        "if kind == 'x' and r[2] ~= 'cancelling'",
        "if false",
        "commit",
    ),
    Mutant(
        "a cancelled attempt still counts",
        "if kind == 'r' or kind == 'u' or kind == 'x' then",
        "if kind == 'x' then return {'ok', 0} end\nif kind == 'r' or kind == 'u' then",
        "commit",
    ),
    Mutant("a signal that is repeated is sent again", "if before then return {'again', before} end", "", "signal"),
    Mutant("a signal that was kept is not taken", "if signal then rouse(", "if false then rouse(", "await"),
    Mutant(
        "a node that is roused is not queued",
        "  line(lane_of(queue, flag), own ~= '' and own or h[4], execution .. '|' .. node)\n  return true",
        "  return true",
    ),
    Mutant("a slot is taken by everybody", "and room(pool, rule, now) >= 1\nend", "\nend"),
    Mutant(
        "a slot that is kept is nobody's",
        "  local offered = redis.call('ZCARD', stem .. ':o')\n",
        "  local offered = 0\n",
    ),
    Mutant(
        "a lower priority keeps its slot",
        "      if kept < 1 or not take_back(pool, now) then break end\n",
        "      do break end\n",
        shape=CROWDED,
    ),
    Mutant(
        "whose slot is taken back waits for none",
        "  redis.call('ZADD', stem .. ':w', last[2], last[1])\n",
        "",
        shape=CROWDED,
    ),
    Mutant(
        "a slot comes never back",
        "if redis.call('HGET', held, member) == token then redis.call('HDEL', held, member) end",
        "",
    ),
    Mutant(
        "a free slot is handed to nobody",
        "  redis.call('ZREM', held .. ':o', member)\n  hand_on(pool, now)\nend",
        "  redis.call('ZREM', held .. ':o', member)\nend",
    ),
    Mutant(
        "a slot that was offered in vain is lost",
        "    if pool then free_slot(pool, hint, '', now) end\n",
        "",
        "fetch",
        CROWDED,
    ),
    Mutant("a rate has no timer", "  if at then set_timer('l|' .. pool, math.ceil(at), rule.queue) end\n", ""),
    Mutant(
        "who waits for a limit is not known to it",
        "local is_new = wait_in(pool, hint, tonumber(priority), now)",
        "local is_new = true",
    ),
    Mutant("a lost holder keeps its slot", "  end_slot(execution, node, token, h.plan, now)\nend", "end", "rescue"),
    Mutant("a key is taken from whoever comes", "if letter ~= 'R' or holder ~= token then", "if false then", "sort"),
    Mutant(
        "what is sorted is not let go",
        "redis.call('HDEL', P .. 'w:' .. session, hint)\n\nlocal function becomes",
        "local function becomes",
        "sort",
    ),
    Mutant("what is sorted has no pool", ", '@l:' .. node, pool}", "}", "sort"),
    Mutant("what is sorted is not queued", "push(queue, priority, hint)\nreturn {'ok', 1}", "return {'ok', 1}", "sort"),
    Mutant("what needs a key is in no lane of its own", "if flag == UNSORTED then return token end", "", "fetch"),
    Mutant(
        "what needs a key is charged with the loss of its worker",
        "if flag ~= UNSORTED then\n    if flag == 'm'",
        "if true then\n    if flag == 'm'",
        "rescue",
    ),
    Mutant("a limited child is handed over", "      if limited(hand.profile) then return nil end\n", ""),
    Mutant("an execution that ends keeps its slot", "  if h[3] then leave_pool(h[3], execution, now) end\n", ""),
    Mutant(
        "what is skipped when it fails runs its children", "return 'skip', SKIPPED", "return 'skip', RAN", shape=UNDONE
    ),
    Mutant("the first to complete is undone first", "'RPOP', P .. 'u:'", "'LPOP', P .. 'u:'", shape=UNDONE),
    Mutant(
        "only one node is undone",
        "and compensate(",
        "and redis.call('HEXISTS', P .. 'x:' .. execution, '@fate') == 0 and compensate(",
        shape=UNDONE,
    ),
    Mutant("a completed execution is undone", "if status ~= 'completed' and compensate", "if compensate", shape=UNDONE),
    Mutant(
        "what succeeds while it is cancelled is not undone",
        "local undoable = kind == 's' and",
        "local undoable = kind == 's' and r[2] ~= 'cancelling' and",
        "commit",
        UNDONE,
    ),
    Mutant("what failed is undone", "local undoable = kind == 's' and", "local undoable = true and", "commit", UNDONE),
    Mutant("nobody hears of a failure", "redis.call('HGET', plan, 'handler'))", "false)", shape=UNDONE),
    Mutant("no step may start", "(status == 'compensating' and is_step(node))", "false", shape=UNDONE),
    Mutant(
        "what an item was given is gone when it is undone",
        "  if h.undoable then",
        "  if false then",
        "commit",
        ITEMS_UNDONE,
    ),
    Mutant("items are not undone", "(map and map .. '#' or node)", "node", "commit", ITEMS_UNDONE),
    Mutant("what undoes an item counts as one that ends", "and not is_step(node) and", "and", "commit", ITEMS_UNDONE),
    Mutant(
        "a completed child is left as it is", "if undoable and not over then", "if false then", shape=CHILDREN_UNDONE
    ),
    Mutant(
        "what a completed child did is forgotten",
        "if h[12] and not undoable then",
        "if h[12] then",
        shape=CHILDREN_UNDONE,
    ),
    Mutant(
        "only the last child of a node is undone", "if c[2] then redis", "if false then redis", "undo", CHILDREN_UNDONE
    ),
    Mutant(
        "a step does not hear that its child is undone",
        "redis.call('HSET', CX, '@up', execution .. '|' .. step)\n",
        "",
        "undo",
        CHILDREN_UNDONE,
    ),
    Mutant(
        "a child does not wait for the limit of its workflow",
        "if pool == '' or may_begin",
        "if true or may_begin",
        "descend",
        "nested",
    ),
    Mutant("an undo is taken twice", "if letter ~= 'R' then return {'again'} end", "", "undo", CHILDREN_UNDONE),
    Mutant("what has compensated is healed", "if h[5] then return {'undone', status} end", "", "heal", UNDONE),
    Mutant(
        "a parent does not hear that its child has ended",
        "  if not rouse(parent, node, came, now) then fields =",
        "  if false then fields =",
    ),
    Mutant(
        "children are not retired with their parent",
        "if left == -1 and parent[4] >= 0 and ended then",
        "if false then",
    ),
)

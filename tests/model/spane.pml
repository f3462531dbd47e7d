/* The transitions on a diamond of four nodes (0 -> 1, 2 -> 3), two workers, and whatever may go wrong: a worker dies, a
 * reply is lost, a lease ends early, a hint is lost or comes twice. Every step is one script, so it is atomic. Each
 * fault takes from a budget, so every run ends, and at its end every node must be done.
 *
 * Mutants, each of which must be found: NOFENCE, NOAGAIN (a commit does not look whether it is in already), NORESYNC,
 * SPLIT (children are released by a second call), EARLYJOIN, NOSWEEP, STARTTWICE (a claim does not look at the state).
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#define N 4
#define DEAD 2
mtype = { waiting, queued, running, done };

mtype st[N] = waiting;
byte tok[N];            /* the token that may commit; 0 for none */
byte holder[N];         /* the session it belongs to: a worker, or DEAD */
byte hints[N];
byte commits[N], releases[N];
bit arrived[N];         /* parents 1 and 2 at the join before 3 */
byte next = 1;          /* the next token */
byte faults = FAULTS, returns = 1;
bit hint_lost;

byte known[8];          /* token that worker w knows for node n, at w * N + n */
bit ready[8];           /* its body has ended */
bit broken[2];          /* the worker's last reply was lost */
bit owes[8];            /* SPLIT: the children are still to be released */

#define MINE(w, n) known[(w) * N + (n)]
#define READY(w, n) ready[(w) * N + (n)]
#define OWES(w, n) owes[(w) * N + (n)]
#define FORGET(w, n) MINE(w, n) = 0; READY(w, n) = 0

inline lease(w, n) { st[n] = running; tok[n] = next; holder[n] = w; next++ }
inline release(n) { releases[n]++; assert(releases[n] == 1); st[n] = queued; hints[n]++ }

inline release_children(n) {
  if
  :: n == 0 -> release(1); release(2)
  :: n == 1 || n == 2 ->
     arrived[n] = 1;
#ifdef EARLYJOIN
     if :: arrived[1] || arrived[2] -> if :: releases[3] == 0 -> release(3) :: else fi :: else fi
#else
     if :: arrived[1] && arrived[2] -> release(3) :: else fi
#endif
  :: else
  fi
}

/* One child that the commit released goes straight to the worker that committed. */
inline hand_over(w, n, lost) {
  if
  :: skip
  :: n == 0 && st[1] == queued && hints[1] > 0 -> hints[1]--; lease(w, 1); if :: lost :: else -> MINE(w, 1) = tok[1] fi
  :: (n == 1 || n == 2) && st[3] == queued && hints[3] > 0 ->
     hints[3]--; lease(w, 3); if :: lost :: else -> MINE(w, 3) = tok[3] fi
  fi
}

inline commit(w, n, lost) {
  if
#ifndef NOFENCE
  :: tok[n] != MINE(w, n) -> if :: lost :: else -> FORGET(w, n) fi
#ifdef NOAGAIN
  :: tok[n] == MINE(w, n) ->
#else
  :: tok[n] == MINE(w, n) && st[n] != running -> if :: lost :: else -> FORGET(w, n) fi
  :: tok[n] == MINE(w, n) && st[n] == running ->
#endif
#else
  :: true ->
#endif
     assert(n != 3 || (st[1] == done && st[2] == done));
     st[n] = done; commits[n]++; assert(commits[n] == 1);
#ifdef SPLIT
     OWES(w, n) = 1;
#else
     release_children(n); hand_over(w, n, lost);
#endif
     if :: lost :: else -> FORGET(w, n) fi
  fi;
  if :: lost -> broken[w] = 1 :: else fi
}

inline lose(n) {
  st[n] = queued; hints[n]++; holder[n] = DEAD; tok[n] = 0
}

#define ALL_DONE (st[0] == done && st[1] == done && st[2] == done && st[3] == done)
/* What a worker holds by Redis, but does not know of, and will never ask for. */
#define STRAY(w, n) (st[n] == running && holder[n] == w && MINE(w, n) != tok[n] && !broken[w])

inline fetch(w, n) {
  hints[n]--;
  if
#ifdef STARTTWICE
  :: st[n] != waiting ->
#else
  :: st[n] == queued ->
#endif
     lease(w, n);
     if :: MINE(w, n) = tok[n] :: faults > 0 -> faults--; broken[w] = 1 fi
  :: else
  fi
}

inline give_back(w, n) {
  returns--;
  if :: tok[n] == MINE(w, n) && st[n] == running -> st[n] = queued; tok[n] = 0; hints[n]++ :: else fi;
  FORGET(w, n);
  if :: skip :: faults > 0 -> faults--; broken[w] = 1 fi
}

/* A worker adopts what Redis says it holds. */
inline resync(w) {
#ifndef NORESYNC
  for (i : 0 .. 3) {
    if
    :: st[i] == running && holder[i] == w && MINE(w, i) != tok[i] -> MINE(w, i) = tok[i]; READY(w, i) = 0
    :: else
    fi
  }
  i = 0;
#endif
  broken[w] = 0
}

inline die(w) {
  faults--; broken[w] = 0;
  for (i : 0 .. 3) {
    FORGET(w, i); OWES(w, i) = 0;
    if :: holder[i] == w -> holder[i] = DEAD :: else fi
  }
  i = 0
}

#define WORK(w, n) \
  :: atomic { !broken[w] && hints[n] > 0 && MINE(w, n) == 0 -> fetch(w, n) } \
  :: atomic { MINE(w, n) != 0 && !READY(w, n) -> READY(w, n) = 1 } \
  :: atomic { !broken[w] && READY(w, n) && !OWES(w, n) -> commit(w, n, 0) } \
  :: atomic { !broken[w] && READY(w, n) && !OWES(w, n) && faults > 0 -> faults--; commit(w, n, 1) } \
  :: atomic { !broken[w] && MINE(w, n) != 0 && !READY(w, n) && returns > 0 -> give_back(w, n) } \
  :: atomic { OWES(w, n) -> OWES(w, n) = 0; release_children(n) }

proctype worker(byte w) {
  byte i;
  do
  :: ALL_DONE -> break
  WORK(w, 0)
  WORK(w, 1)
  WORK(w, 2)
  WORK(w, 3)
  :: atomic { broken[w] -> resync(w) }
  :: atomic { faults > 0 && !ALL_DONE -> die(w) }
  od
}

/* The sweep, the rescue of the dead and of one that only slept, a lost hint, and a hint that comes twice. */
#ifdef NOSWEEP
#define SWEPT(n) false
#else
#define SWEPT(n) st[n] == queued && hints[n] == 0
#endif
#define HAPPEN(n) \
  :: atomic { SWEPT(n) -> assert(hint_lost); hints[n]++ } \
  :: atomic { st[n] == running && holder[n] == DEAD -> lose(n) } \
  :: atomic { st[n] == running && holder[n] != DEAD && faults > 0 -> faults--; lose(n) } \
  :: atomic { hints[n] > 0 && faults > 0 -> faults--; hints[n]--; hint_lost = 1 } \
  :: atomic { st[n] != waiting && faults > 0 && hints[n] < 2 -> faults--; hints[n]++ }

proctype others() {
  do
  :: ALL_DONE -> break
  HAPPEN(0)
  HAPPEN(1)
  HAPPEN(2)
  HAPPEN(3)
  od
}

proctype monitor() {
  do
  :: atomic { !ALL_DONE && (STRAY(0, 0) || STRAY(0, 1) || STRAY(0, 2) || STRAY(0, 3) || STRAY(1, 0) || STRAY(1, 1)
       || STRAY(1, 2) || STRAY(1, 3)) -> assert(false) }
  :: timeout -> assert(ALL_DONE); break
  od
}

init { atomic { release(0); run worker(0); run worker(1); run others(); run monitor() } }

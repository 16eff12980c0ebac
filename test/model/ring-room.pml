/*
 * Room in a worker's ring: several streams of one thread wait for it, each in its way, and none waits for ever.
 *
 * One worker, whose event loop serves three streams; another that writes its ring out; main. Who may write, and that what is
 * committed is written, is wire-lock.pml's to show: here the lock is simply had. Every `atomic` is one access to shared memory, or
 * several that no other thread can tell apart. A mutation (-DONE_WORD and so on) must fail, see README.md.
 */

/* Frames are one unit long. Senders of Data ask for room for the largest, so that they aren't woken for each piece. */
#define CAPACITY 4
#define RESERVE 1                 /* room that Data leaves free for grants and terminal frames */
#define LARGEST 2

#define FRAMES 2                  /* of each stream */
#ifndef STOPS
#define STOPS 1                   /* cancels of the stream that blocks: so many, at any step */
#endif

/* The streams: one that blocks the thread, one that sends asynchronously, one that has small frames (grants; or its last one). */
#define BLOCKS 0
#define AWAITS 1
#define SMALL 2

#define USED (tail - head)
#define FITS(job) (USED + 1 + (job == SMALL -> 0 : RESERVE) <= CAPACITY)
#define NEED(job) (job == SMALL -> 1 : LARGEST + RESERVE)
#define HAS_ROOM(need) (USED + (need) <= CAPACITY)

#define FREE 0
#define HELPER 1
#define MAIN 2
byte LOCK = FREE;

/* The shared words. */
byte head, tail;                  /* units since the ring's reset */
byte blockedFor, awaited;         /* SLOT.roomBlockedFor, .roomAwaited: units, 0 for none */
bool stopped;                     /* JOB.cause */

/* The futex word SLOT.space, as far as its one waiter can tell: 0 not read, 1 read, 2 bumped since, 3 asleep on it. */
byte space;

/* What the event loops have yet to deliver. */
bool bell;                        /* to main */
byte told;                        /* to the worker: there may be room */
bool inFlight;                    /* main's write, which ends when the host reads */

byte left[3] = FRAMES;
bool waits[3];
byte stops = STOPS;

/* Atomics.add(space, 1) and Atomics.notify. */
inline bump() {
  space = (space == 0 -> 0 : 2)
}

hidden byte count;                /* scratch within one step */

/* Any count from `least` to all that is pending. */
inline choose(least) {
  count = least;
  do
  :: count < USED -> count++
  :: break
  od
}

/* `RingConsumer.advance` of another thread: the store of head, then a look at each announcement. */
inline advance() {
#ifndef HEAD_STORED_LATE
  atomic { choose(1); head = head + count };
  atomic { asked = blockedFor };
#else
  atomic { asked = blockedFor };
  atomic { choose(1); head = head + count };
#endif
  if
  :: atomic { asked > 0 && HAS_ROOM(asked) -> asked = 0 };
#ifndef CLEARED_LATE
       atomic { blockedFor = 0 };
       atomic { bump() }
#else
       atomic { bump() };
       atomic { blockedFor = 0 }
#endif
  :: atomic { asked == 0 || !HAS_ROOM(asked) -> asked = 0 }
  fi
}

/* ---------------------------------------------------------------- the worker */

/* Its own flush, while it holds the lock: nobody else can look at what it changes. What is not written passes to main. */
inline flush() {
  if
  :: LOCK != FREE || USED == 0
  :: LOCK == FREE && USED > 0 ->
       choose(0);
       head = head + count;
       if
       :: blockedFor > 0 && HAS_ROOM(blockedFor) -> blockedFor = 0; bump()
       :: else
       fi;
       if
       :: USED > 0 -> LOCK = MAIN; bell = true
       :: else
       fi;
       bell = (bell || (awaited > 0 && HAS_ROOM(awaited)))
  fi
}

inline announceBlocked() {
  blockedFor = NEED(BLOCKS);
#ifdef ONE_WORD
  awaited = 0
#endif
}

inline announceAwaited() {
  awaited = (others == 0 || others > NEED(job) -> NEED(job) : others);
#ifdef ONE_WORD
  blockedFor = 0
#endif
}

active proctype worker() {
  byte job, others;
  bool again[3];                  /* told that there may be room: who has yet to try again */

endIdle:
idle:
  if
  :: atomic { left[BLOCKS] > 0 -> job = BLOCKS; goto attempt }
  :: atomic { left[AWAITS] > 0 && !waits[AWAITS] -> job = AWAITS; goto attempt }
  :: atomic { left[SMALL] > 0 && !waits[SMALL] -> job = SMALL; goto attempt }
  :: atomic { told > 0 -> told--; again[AWAITS] = waits[AWAITS]; again[SMALL] = waits[SMALL]; goto next }
  fi;
next:
  atomic {
    job = 0;
    others = 0;
    if
    :: again[AWAITS] -> again[AWAITS] = false; job = AWAITS; goto attempt
    :: !again[AWAITS] && again[SMALL] -> again[SMALL] = false; job = SMALL; goto attempt
    :: else -> goto idle
    fi
  };

attempt:
  atomic {
    if
    :: FITS(job) -> tail++; left[job]--; waits[job] = false; goto next
    :: !FITS(job) && job == BLOCKS -> goto block
    :: !FITS(job) && job != BLOCKS -> goto await
    fi
  };

block:                            /* the ticket; a flush; the cause; the announcement; a second look; the wait */
#ifndef TICKET_DRAWN_LATE
  atomic { space = 1 };
#endif
  atomic { flush() };
  if
  :: atomic { stopped -> goto giveUp }
  :: atomic { !stopped && HAS_ROOM(NEED(BLOCKS)) -> space = 0; goto attempt }
  :: atomic { !stopped && !HAS_ROOM(NEED(BLOCKS)) -> announceBlocked() }
  fi;
#ifndef NO_SECOND_LOOK
  if
  :: atomic { HAS_ROOM(NEED(BLOCKS)) }
  :: atomic { !HAS_ROOM(NEED(BLOCKS)) -> goto asleep }
  fi;
  atomic { blockedFor = 0; space = 0; goto attempt };
#endif
asleep:
#ifdef TICKET_DRAWN_LATE
  atomic { space = 1 };
#endif
  atomic { space = (space == 1 -> 3 : space) };
  atomic {
    space == 2 ->
      space = 0;
      if
      :: stopped -> goto giveUp
      :: else -> goto attempt
      fi
  };
giveUp:                           /* its announcement may be left behind; the handler's next stream blocks again */
  atomic { space = 0; stopped = false; left[BLOCKS]--; goto next };

await:
#ifdef GRANT_UNANNOUNCED
  atomic {
    if
    :: job == SMALL -> waits[SMALL] = true; goto next
    :: else
    fi
  };
#endif
  atomic { flush() };
  if
  :: atomic { HAS_ROOM(NEED(job)) -> goto attempt }
  :: atomic { !HAS_ROOM(NEED(job)) -> others = awaited }
  fi;
  atomic { announceAwaited() };
#ifndef NO_SECOND_LOOK
  if
  :: atomic { HAS_ROOM(NEED(job)) }
  :: atomic { !HAS_ROOM(NEED(job)) -> waits[job] = true; goto next }
  fi;
  atomic {
#ifndef TAKEN_BACK_FROM_OTHERS
    awaited = (others == 0 -> 0 : awaited);
#else
    awaited = 0;
#endif
    others = 0;
    goto attempt
  };
#else
  atomic { waits[job] = true; goto next }
#endif
}

/* ---------------------------------------------------------------- another worker, as holder of the lock */

active proctype helper() {
  byte asked;

endHelper:
free:
  atomic { LOCK == FREE && USED > 0 -> LOCK = HELPER };
drain:
  advance();
#ifndef NO_BELL_FOR_ROOM
  atomic { bell = (bell || (awaited > 0 && HAS_ROOM(awaited))) };
#endif
  if
  :: atomic { USED > 0 -> goto drain }
  :: atomic { USED > 0 -> LOCK = MAIN; bell = true; goto free }
  :: atomic { USED == 0 -> LOCK = FREE; goto free }
  fi
}

/* ---------------------------------------------------------------- main */

inline quiet() {
  assert(LOCK == FREE && USED == 0);
  assert(left[BLOCKS] == 0 && left[AWAITS] == 0 && left[SMALL] == 0)
}

active proctype eventLoop() {
  byte asked;
  bool took;

event:
  if
  :: atomic { bell && !inFlight -> bell = false; goto turn }
  :: atomic { inFlight -> inFlight = false; goto turn }
  :: atomic { stops > 0 -> stops--; stopped = (left[BLOCKS] > 0); bump(); goto event }
  :: atomic { timeout -> quiet(); goto endLoop }
  fi;

turn:                             /* while another has the lock, its hand-over */
  atomic { LOCK == FREE || LOCK == MAIN -> LOCK = MAIN };
  if
  :: atomic { USED > 0 -> took = true };
       advance()
  :: atomic { USED == 0 -> took = false }
  fi;
  atomic { asked = (awaited > 0 && HAS_ROOM(awaited) -> awaited : 0) };
  atomic {                        /* compareExchange, and the message */
    if
    :: asked > 0 && awaited == asked -> awaited = 0; told++
    :: else
    fi;
    asked = 0;
    if
    :: took -> took = false; inFlight = true; goto event
    :: else
    fi
  };
  atomic { LOCK = FREE };
  if
  :: atomic { USED > 0 -> goto turn }
  :: atomic { USED == 0 -> goto event }
  fi;

endLoop:
  skip
}

/*
 * The write lock and the outbound rings: who may call write(2), and what is owed when a thread dies.
 *
 * Two workers, main, one host. Every `atomic` below is one access to shared memory, or several that nobody can tell apart
 * (README.md says which); between any two of them spin tries every other thread's step, and the death of the thread.
 * A mutation (-DNO_RECHECK and so on) takes one rule away; check.sh demands an error then, and none without.
 */

#ifndef DATA
#define DATA 2                    /* data frames of a stream; its terminal frame comes on top */
#endif
#ifndef DATA_AGAIN
#define DATA_AGAIN 1              /* data frames of the replacement's stream */
#endif
#ifndef KILLS
#define KILLS 1                   /* cancels whose grace is over: so many, at any step */
#endif
#ifndef DEATHS
#define DEATHS 1                  /* heap limits reached: so many, in either worker, at any step */
#endif
#ifndef CUTS
#define CUTS 0                    /* commits and flushes cut short whose thread lives on: so many, at any step */
#endif
#ifndef REPLACEMENTS
#define REPLACEMENTS 1
#endif
#ifndef ANSWERS
#define ANSWERS 1                 /* frames of main's own, such as a health answer: so many, at any step */
#endif

#define FRAME 2                   /* units; write(2) may stop after any unit, so in the middle of a frame */
#define CAPACITY (2 * FRAME)      /* of a ring */
#define AGAIN 2                   /* the replacement's stream; the slots' first streams are 0 and 1 */
#define WHOLE(x) (FRAME * (((x) == AGAIN -> DATA_AGAIN : DATA) + 1))

#define MAIN 2                    /* LOCK: worker 0, worker 1, MAIN, FREE */
#define FREE 3
#define NONE 3                    /* RESUME: ring 0, ring 1, NONE */
#define OPEN 255                  /* limit: the slot has not been cut off */

/* The shared words. */
byte LOCK = FREE;
bool WANTS;
byte RESUME = NONE;
bool INTENT[2], REVOKED[2], BELL[2];
byte head[2], tail[2];            /* units since the ring's reset */
byte termEnd[2];                  /* 0: unset. One stream a worker at a time, so one word a slot */

/* The futex word space[w], as far as its one waiter can tell: 0 not read, 1 read, 2 bumped since, 3 asleep on it. */
byte space[2];

/* What the event loop has yet to deliver. */
byte bell[2];
bool exited[2];
bool inFlight;                    /* main's asynchronous write; it completes when the host reads */

/* The threads. */
byte stream[2];                   /* the stream that the slot serves */
bool ending[2];                   /* terminate() was called */
bool launch[2];                   /* the replacement is to start */
bool gone[2];                     /* the slot stays empty */
byte kills = KILLS, deaths = DEATHS, answers = ANSWERS, replacements = REPLACEMENTS;
bool diedByItself;

#if CUTS
byte cuts = CUTS;
bool owesLook;                    /* the look of main's next second; each second has one, and the first after a cut must do */
bool heldShort;                   /* the holder of the lock was cut short: the clock may find that it keeps it too long */
bool unknown;                     /* it was cut within a write: nobody knows how much arrived */
#define UNKNOWN unknown
#define OWNS_NO_MORE heldShort = false
#else
#define UNKNOWN false
#define OWNS_NO_MORE skip
#endif

/* The wire as the host sees it, by stream. */
byte written[3];                  /* units, in order */
byte limit[3] = OPEN;             /* units that may and must be written */
bool terminal[3];
bool answered;
byte midFrame;                    /* 1 + the stream whose frame is half written, or 0 */

#define PENDING(x) (!REVOKED[x] && head[x] != tail[x])

/* Units [a, b) of stream x reach the wire. */
inline put(x, a, b) {
  assert(!UNKNOWN);
  assert((a) < (b) && (b) <= limit[x]);
  assert(!terminal[x]);                                      /* nothing after the terminal frame */
  assert(written[x] == (a));                                 /* in order; none lost, none doubled */
  assert(midFrame == ((a) % FRAME -> (x) + 1 : 0));          /* whole */
  written[x] = (b);
  midFrame = (written[x] % FRAME -> (x) + 1 : 0);
  terminal[x] = (written[x] == WHOLE(x))
}

/* Atomics.add(space, 1) and Atomics.notify. */
inline bump(x) {
  space[x] = (space[x] == 0 -> 0 : 2)
}

/* ---------------------------------------------------------------- worker */

#define other (1 - me)
#define NEXT (tail[me] + UNSTORED + FRAME)                   /* where the next frame ends */
#define ROOM (NEXT - head[me] <= CAPACITY)
#define DONE (tail[me] == WHOLE(stream[me]))
#define AT_TERMINAL (NEXT == WHOLE(stream[me]))
#if CUTS
#define COMMIT \
  tail[me] = NEXT; \
  owesLook = (owesLook || unstored > 0);                     /* the worker takes the ring for one that others know of */ \
  unstored = 0
#else
#define COMMIT tail[me] = NEXT
#endif

/* The thread may end here: by itself while that is allowed, and anywhere once terminate() was called. */
#define OR_DIES :: atomic { (deaths > 0 || ending[me]) -> die(); goto dead }

inline die() {
  if
  :: ending[me]
  :: else -> deaths--; diedByItself = true
  fi;
#if CUTS
  inFlush = false;
  unstored = 0;
#endif
  r = NONE;
  space[me] = 0;
  exited[me] = true
}

/*
 * Or what runs on the thread is stopped here, by a full stack or the timeout of a vm script, and the thread goes on. In a flush it
 * leaves the flag that makes its next call flush again.
 */
#if CUTS
#define UNSTORED unstored
#define MUST_FLUSH inFlush
#define OR_CUT :: atomic { cuts > 0 -> cutShort(); goto produce }
#define OR_CUT_IN_FLUSH :: atomic { cuts > 0 -> cutShort(); inFlush = true; goto produce }
#else
#define UNSTORED 0
#define MUST_FLUSH false
#define OR_CUT
#define OR_CUT_IN_FLUSH
#endif

inline cutShort() {
  cuts--;
  r = NONE;
#ifndef NO_LOOK_AGAIN
  owesLook = true;
#endif
  heldShort = (heldShort || LOCK == me)
}

/* A flush, from its attempt to get the lock. It may find that it has it: an earlier one was cut short. */
#define OR_FLUSHES \
  :: atomic { LOCK == FREE -> NOT_CUT; LOCK = me; if :: REVOKED[me] -> goto revoked :: else -> goto begin fi } \
  :: atomic { LOCK != FREE && !RESUMES -> assert(LOCK != me || UNKNOWN); NOT_CUT; goto produce }   /* the holder looks again */ \
  :: atomic { RESUMES -> NOT_CUT; if :: BARRED -> goto revoked :: else -> goto begin fi }

#ifndef REVOKED_FORGOTTEN
#define BARRED REVOKED[me]
#else
#define BARRED false
#endif
#if !CUTS || defined NO_COMING_BACK
#define RESUMES false
#elif defined INTENT_FORGOTTEN
#define RESUMES (LOCK == me)
#else
#define RESUMES (LOCK == me && !INTENT[me])
#endif

#if CUTS
#define NOT_CUT inFlush = false
#else
#define NOT_CUT skip
#endif

hidden byte count;                /* scratch within one step */

/* One write(2) of what ring x holds: any count, from EAGAIN to all. */
inline write(x) {
  assert(LOCK == me && !inFlight && (RESUME == NONE || CUTS));
  count = 0;
  do
  :: count < tail[x] - head[x] -> count++
  :: break
  od;
  if
  :: count > 0 -> put(stream[x], head[x], head[x] + count)
  :: else
  fi
}

/*
 * RESUME set; INTENT set; write(2); head advanced, the producer woken; INTENT cleared. Only the thread's own death can tell
 * these steps apart.
 */
inline attempt(x) {
  write(x);
  r = (count < tail[x] - head[x] -> x : NONE);
  head[x] = head[x] + count;
#ifndef RESUME_AFTER_INTENT
  RESUME = x;
#endif
#ifndef WAKE_AFTER_INTENT
  bump(x)
#else
  late = x
#endif
}

/* The death between INTENT set and INTENT cleared. Nothing may follow it on the wire, so what it wrote needs no record. */
inline attemptAndDie(x) {
#ifdef INTENT_IGNORED
  write(x);
#endif
  INTENT[me] = true;
  die()
}

#if CUTS
/* The cut between INTENT set and INTENT cleared. */
inline attemptAndCut() {
  INTENT[me] = true;
  unknown = true;
  inFlush = true;
  cutShort()
}
#endif

proctype worker(byte me) {
#ifdef HEAD_BEFORE_TAIL
  bool early;
#endif
  byte r = NONE;                  /* the ring that the last write left unfinished */
#ifdef WAKE_AFTER_INTENT
  byte late;
#endif
#if CUTS
  bool inFlush;                   /* the last flush was cut short */
  byte unstored;                  /* units of a frame that is in the ring, while the store of tail was cut off */
#endif

endProduce:
produce:                          /* the bytes of the next frame, then the one store of tail */
  if
#ifndef HEAD_BEFORE_TAIL
  :: atomic { !DONE && ROOM && !AT_TERMINAL -> COMMIT; goto committed }
#else
  :: atomic { !DONE && ROOM && !AT_TERMINAL -> early = (head[me] == tail[me]); goto commitData }
#endif
#ifndef TERMEND_AFTER_TAIL
  :: atomic { !DONE && ROOM && AT_TERMINAL -> termEnd[me] = NEXT; goto commitTerminal }
#else
  :: atomic { !DONE && ROOM && AT_TERMINAL -> tail[me] = tail[me] + FRAME; goto commitTerminal }
#endif
  :: atomic { !DONE && !ROOM && !MUST_FLUSH -> space[me] = 1; goto wait }
#if CUTS
  :: atomic { !DONE && ROOM && !AT_TERMINAL && cuts > 0 && unstored == 0 -> cutShort(); unstored = FRAME; goto produce }
  :: atomic { inFlush -> goto flush }                        /* before it blocks, or when its last job has ended */
  :: atomic { inFlush && DONE -> inFlush = false; goto produce }           /* or it never comes back */
#endif
  OR_DIES
  fi;
#ifdef HEAD_BEFORE_TAIL
commitData:
  if
  :: atomic { true -> tail[me] = tail[me] + FRAME; goto committed }
  OR_DIES
  fi;
#endif
commitTerminal:
  if
#ifndef TERMEND_AFTER_TAIL
  :: atomic { true -> COMMIT; goto committed }
#else
  :: atomic { true -> termEnd[me] = tail[me]; goto committed }
#endif
  OR_DIES
  fi;

wait:                             /* looks at head again after reading the word that it will wait on */
  if
  :: atomic { (ROOM || space[me] == 2) -> space[me] = 0; goto produce }
  :: atomic { !ROOM && space[me] == 1 -> space[me] = 3; goto asleep }
  OR_DIES
  fi;
endAsleep:
asleep:
  if
  :: atomic { space[me] == 2 -> space[me] = 0; goto produce }
  OR_DIES
  fi;

committed:                        /* write it out; or ring; or, with frames before it that somebody sees to already, neither */
  if
  OR_FLUSHES
  :: atomic { !MUST_FLUSH && !BELL[me] -> BELL[me] = true; goto post }
  :: atomic { !MUST_FLUSH && BELL[me] -> goto produce }
#ifndef HEAD_BEFORE_TAIL
  :: atomic { !MUST_FLUSH && head[me] != tail[me] - FRAME -> goto produce }
#else
  :: atomic { !early -> goto produce }
#endif
  OR_CUT
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;
flush:
  if
  OR_FLUSHES
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;

begin:                            /* a ring that a cut left half written comes before any other */
#if CUTS
  if
#ifndef BEGUN_NOT_FIRST
  :: atomic { RESUME != NONE && PENDING(RESUME) -> attempt(RESUME); goto wrote }
  :: atomic { RESUME != NONE && PENDING(RESUME) && cuts > 0 -> attemptAndCut(); goto produce }
  :: atomic { RESUME != NONE && PENDING(RESUME) && (deaths > 0 || ending[me]) -> attemptAndDie(RESUME); goto dead }
  :: atomic { RESUME == NONE || !PENDING(RESUME) -> goto drain }
#else
  :: atomic { true -> goto drain }
#endif
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;
#endif
drain:                            /* holds the lock; one ring, the next, until nothing is left or the bound is reached */
  if
  :: atomic { PENDING(me) -> attempt(me); goto wrote }
  :: atomic { PENDING(other) -> attempt(other); goto wrote }
  :: atomic { PENDING(me) && (deaths > 0 || ending[me]) -> attemptAndDie(me); goto dead }
  :: atomic { PENDING(other) && (deaths > 0 || ending[me]) -> attemptAndDie(other); goto dead }
#if CUTS
  :: atomic { (PENDING(me) || PENDING(other)) && cuts > 0 -> attemptAndCut(); goto produce }
  :: atomic { PENDING(me) && cuts > 0 -> RESUME = me; cutShort(); inFlush = true; goto produce }
  :: atomic { PENDING(other) && cuts > 0 -> RESUME = other; cutShort(); inFlush = true; goto produce }
#endif
  :: atomic { (PENDING(me) || PENDING(other) || WANTS) -> OWNS_NO_MORE; LOCK = MAIN; goto ring }   /* the bound, or main waits */
  :: atomic { !PENDING(me) && !PENDING(other) && !WANTS -> goto release }
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;
wrote:
  if
  :: atomic { true ->
#ifdef WAKE_AFTER_INTENT
       bump(late);
       late = 0;
#endif
       if
       :: r == NONE -> RESUME = NONE; goto drain
       :: r != NONE -> RESUME = r; r = NONE; OWNS_NO_MORE; LOCK = MAIN; goto ring   /* RESUME = r: for RESUME_AFTER_INTENT */
       fi
     }
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;

release:
  if
  :: atomic { true ->
       assert((RESUME == NONE || CUTS) && midFrame == 0);    /* after a cut it may name a ring that is written out */
       OWNS_NO_MORE;
       LOCK = FREE;
#ifdef NO_RECHECK
       goto produce
#endif
     }
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;
  if
  :: atomic { WANTS -> goto flush }
  :: atomic { !WANTS }
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;
  if                              /* its own ring is empty: it drained it, and nobody else fills it */
  :: atomic { PENDING(other) -> goto flush }
  :: atomic { !PENDING(other) -> goto produce }
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;

ring:                             /* the bell */
  if
  :: atomic { !BELL[me] -> BELL[me] = true; goto post }
  :: atomic { BELL[me] -> goto produce }
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;
post:
  if
  :: atomic { true -> bell[me]++; goto produce }
  OR_CUT
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;

revoked:                          /* got the lock, and finds that it may not use it */
  if
  :: atomic { true -> OWNS_NO_MORE; LOCK = MAIN; goto ring }
  OR_CUT_IN_FLUSH
  OR_DIES
  fi;

endDead:
dead:
  atomic { launch[me] -> launch[me] = false; goto produce }
}

/* ---------------------------------------------------------------- main */

#define REMAINS 0
#define TERMINAL 1
#define ANSWER 2

hidden byte kind, about, from, until;                        /* scratch within one step */

/* What ring x holds, up to tail: a frame boundary. */
inline copyRing(x) {
  put(stream[x], head[x], tail[x]);
  head[x] = tail[x];
  bump(x);
  inFlight = true
}

inline copyOutbox() {
  assert(!UNKNOWN);
  do
  :: nempty(outbox) ->
       outbox?kind,about,from,until;
       if
       :: kind == REMAINS -> put(about, from, until)
       :: kind == TERMINAL -> assert(midFrame == 0 && !terminal[about]); terminal[about] = true
       :: kind == ANSWER -> assert(midFrame == 0); answered = true
       fi
  :: empty(outbox) -> break
  od;
  inFlight = true
}

/* Slot x writes nothing past `cut`: what it committed goes out with main's frames, then a terminal frame if there is none. */
inline cutOff(x) {
  about = stream[x];
  limit[about] = cut;
  if
  :: head[x] != cut -> outbox!REMAINS,about,head[x],cut; head[x] = cut
  :: else
  fi;
#ifdef RESUME_BEHIND_OUTBOX
  if
  :: RESUME == x -> RESUME = NONE
  :: else
  fi;
#endif
  if
#ifndef TERMEND_READ_FIRST
  :: termEnd[x] != 0 && termEnd[x] <= cut
#else
  :: early != 0 && early <= cut
#endif
  :: else -> outbox!TERMINAL,about,0,0
  fi;
  bump(x);
  cut = 0
}

/* The thread has ended: its slot can be used again. */
inline bury(x) {
  burying[x] = false;
  if
  :: REVOKED[x]
  :: else -> cut = tail[x]; cutOff(x)
  fi;
  head[x] = 0; tail[x] = 0; termEnd[x] = 0; space[x] = 0; INTENT[x] = false;
#ifndef NO_BELL_RESET
  BELL[x] = false;
#endif
  REVOKED[x] = false; ending[x] = false;
  if
  :: replacements > 0 -> replacements--; stream[x] = AGAIN; launch[x] = true
  :: else -> gone[x] = true
  fi
}

#ifndef INTENT_IGNORED
#define INHERITED(x) (!INTENT[x])
#else
#define INHERITED(x) true
#endif

inline workerExit(x) {
  exited[x] = false;
  bell[x] = 0;                    /* the port is emptied first; what follows here is what a bell asks for, and more */
#ifdef NO_EXIT_NOTIFY
  goto event;
#endif
  if
#ifndef INTENT_IGNORED
  :: LOCK == x && INTENT[x] -> goto failStop
#endif
  :: LOCK == x && INHERITED(x) ->
       OWNS_NO_MORE;
       LOCK = MAIN;
#ifdef NO_ADOPT
       rang = true
#endif
  :: LOCK != x
  fi;
  burying[x] = true;
  if
  :: holding -> goto hold
  :: else -> goto acquire
  fi
}

inline settled(x) {               /* all that was committed is on the wire, and one terminal frame */
  assert(terminal[x]);
  assert(written[x] == (limit[x] == OPEN -> WHOLE(x) : limit[x]))
}

/* Nothing can move any more. */
inline quiet() {
  assert(LOCK == FREE && !holding && (RESUME == NONE || CUTS));
  assert(midFrame == 0 && empty(outbox) && answered == ANSWERS);
  assert(gone[0] || (!REVOKED[0] && !PENDING(0) && tail[0] == WHOLE(stream[0])));
  assert(gone[1] || (!REVOKED[1] && !PENDING(1) && tail[1] == WHOLE(stream[1])));
  settled(0);
  settled(1);
  if
  :: replacements < REPLACEMENTS -> settled(AGAIN)
  :: else
  fi
}

#ifndef NO_ADOPT
#define ADOPTED (LOCK == MAIN)
#else
#define ADOPTED (LOCK == MAIN && rang)
#endif

/* Ended for keeping the lock: it was cut within a write, or came back to its section as the clock struck. */
#if CUTS
#define ENDED_HOLDER (unknown || (LOCK < MAIN && ending[LOCK] && !REVOKED[LOCK]))
#else
#define ENDED_HOLDER false
#endif

#define BUSY (inFlight || killing || burying[0] || burying[1])

proctype eventLoop() {
  chan outbox = [5] of { byte, byte, byte, byte };           /* kind, stream, units from, until */
  bool holding;
  bool killing;                   /* the end of the worker in slot 0 waits for the lock */
  bool burying[2];                /* what is owed after an exit waits for the lock */
  byte cut, rung;
#ifdef TERMEND_READ_FIRST
  byte early;
#endif
#ifdef NO_ADOPT
  bool rang;
#endif

event:
#ifdef NO_ADOPT
  rang = false;
#endif
  if
  :: atomic { bell[0] > 0 -> bell[0]--; rung = 0; goto bellRang }
  :: atomic { bell[1] > 0 -> bell[1]--; rung = 1; goto bellRang }
  :: atomic { exited[0] -> workerExit(0) }
  :: atomic { exited[1] -> workerExit(1) }
  :: atomic { inFlight -> assert(holding); inFlight = false; goto hold }
  :: atomic { answers > 0 ->
       answers--;
       outbox!ANSWER,0,0,0;
       if
       :: holding -> goto hold
       :: else -> goto acquire
       fi
     }
  :: atomic { kills > 0 ->
       kills--;
       if
       :: gone[0] || burying[0] -> goto event
       :: else
       fi;
#ifdef NO_LOCK
       ending[0] = true;
       goto event;
#endif
       killing = true;
       if
       :: holding -> goto hold
       :: else -> goto acquire
       fi
     }
#if CUTS
  :: atomic { owesLook ->
       owesLook = false;
#ifndef LOOK_LEAVES_BELLS
       BELL[0] = false; BELL[1] = false;
#endif
       if
       :: holding -> goto event
       :: else -> goto acquire
       fi
     }
#ifndef NO_END_HOLDER
  :: atomic { WANTS && heldShort && !ending[LOCK] -> ending[LOCK] = true; goto event }   /* unlike a kill, without the lock */
#endif
#endif
  :: atomic { timeout -> quiet(); goto endLoop }
  fi;

bellRang:
#ifdef BELL_CLEARED_LATE
  if
  :: LOCK == MAIN || PENDING(0) || PENDING(1)
  :: LOCK != MAIN && !PENDING(0) && !PENDING(1) -> BELL[rung] = false; goto event
  fi;
#endif
  atomic {
    BELL[rung] = false;
    rung = 0;
#ifdef NO_ADOPT
    rang = true;
#endif
    if
    :: holding -> goto event      /* its write's completion looks again */
    :: else
    fi
  };

acquire:                          /* its compare-and-swap also finds out that a worker, alive or dead by now, handed the lock over */
  WANTS = true;
  atomic {
    if
    :: LOCK == FREE || ADOPTED -> LOCK = MAIN; holding = true
    :: else -> goto event         /* the holder sees WANTS */
    fi;
    assert(!inFlight);
    WANTS = false;
#ifndef RESUME_BEHIND_OUTBOX
    if
    :: RESUME != NONE && PENDING(RESUME) -> copyRing(RESUME)
    :: else
    fi;
    RESUME = NONE
#endif
  };

hold:
  if
  :: atomic { killing ->
       killing = false;
       if
       :: burying[0] || gone[0] -> goto hold
       :: else
       fi;
#ifdef TERMEND_READ_FIRST
       early = termEnd[0];
#endif
       goto cutting
     }
  :: atomic { !killing && burying[0] -> bury(0); goto hold }
  :: atomic { !killing && burying[1] -> bury(1); goto hold }
  :: atomic { !killing && !burying[0] && !burying[1] && inFlight -> goto event }
  :: atomic { !BUSY && nempty(outbox) -> copyOutbox(); goto event }
#ifdef RESUME_BEHIND_OUTBOX
  :: atomic { !BUSY && empty(outbox) && RESUME != NONE && !PENDING(RESUME) -> RESUME = NONE; goto hold }
  :: atomic { !BUSY && empty(outbox) && RESUME != NONE && PENDING(RESUME) -> copyRing(RESUME); RESUME = NONE; goto event }
#endif
  :: atomic { !BUSY && empty(outbox) && RESUME == NONE && PENDING(0) -> copyRing(0); goto event }
  :: atomic { !BUSY && empty(outbox) && RESUME == NONE && PENDING(1) -> copyRing(1); goto event }
  :: atomic { !BUSY && empty(outbox) && RESUME == NONE && !PENDING(0) && !PENDING(1) -> goto letGo }
  fi;
cutting:
  atomic {
#ifndef NO_REVOKE
    REVOKED[0] = true;
#endif
    ending[0] = true;
    cut = tail[0]
  };
  atomic { cutOff(0); goto hold };

letGo:
  atomic { holding = false; assert(midFrame == 0); LOCK = FREE };
#ifdef NO_RECHECK_MAIN
  goto event;
#endif
  if
  :: PENDING(0) || PENDING(1) -> goto acquire
  :: !PENDING(0) -> if :: PENDING(1) -> goto acquire :: !PENDING(1) -> goto event fi
  :: !PENDING(1) -> if :: PENDING(0) -> goto acquire :: !PENDING(0) -> goto event fi
  fi;

failStop:                         /* exit 70: nobody knows where the wire stands, and nothing follows */
  assert(diedByItself || ENDED_HOLDER);
endLoop:
  skip
}

init {
  atomic {
    stream[1] = 1;
    run worker(0);
    run worker(1);
    run eventLoop()
  }
}

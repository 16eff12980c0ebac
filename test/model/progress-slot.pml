/*
 * The latest progress of one stream, between the worker that writes it and main that takes it, and main's writing against the
 * worker's end of the stream.
 *
 * Three buffers; a word names the third and says whether its value is fresh. Each side swaps its own for the third. A buffer holds
 * one value in two halves, so that a torn read shows. Every `atomic` is one access to shared memory. A mutation must fail, see
 * README.md.
 */

#define VALUES 4
#ifndef COMPUTES
#define COMPUTES 0
#endif

/* words[0]: the third buffer and its mark, which one exchange changes together. */
byte third = 1;
bool fresh;

byte low[3], high[3];
bool writes[3], reads[3];         /* who has a buffer in its hands */

/* Messages to main that it has not handled. */
byte told;

bool terminal;                    /* the stream's terminal frame is committed in the worker's ring */
bool ended;                       /* it is on the wire */
bool locked;                      /* main holds the write lock */
byte sent;                        /* the last value that main has put on the wire */
bool isOver;

proctype Worker() {
  byte own = 0, value = 1, got;
  bool was;
  do
  :: value <= VALUES ->
     writes[own] = true;
     assert(!reads[own]);
     low[own] = value;
     high[own] = value;
     writes[own] = false;
#ifdef TWO_STEPS
     /* A load and a store instead of one exchange. */
     got = third; was = fresh;
     atomic { third = own; fresh = true }
#else
     atomic { got = third; was = fresh; third = own; fresh = true }
#endif
     own = got;
     if
#ifdef NEVER_TOLD_AGAIN
     :: value == 1 -> told++
     :: else
#else
     :: !was -> told++
     :: else
#endif
     fi;
     value++
  :: value > VALUES -> break
  od;
#if COMPUTES
  /* A handler that computes on after its last value: that must leave although the worker makes no further step. */
  sent == VALUES;
#endif
  /* The handler's end: the commit, then the frame goes out by whoever holds the lock. */
  terminal = true;
  atomic { !locked -> ended = true };
  isOver = true
}

proctype Main() {
  byte own = 2, last;
  bool looks;
  do
  :: atomic { told > 0 -> told-- };
#ifdef LOOK_BEFORE_LOCK
     looks = !terminal;
     atomic { !locked -> locked = true };
#else
     atomic { !locked -> locked = true };
     looks = !terminal;
#endif
     if
     :: looks && fresh ->
#ifdef TWO_STEPS
        last = third;
        atomic { third = own; fresh = false };
        own = last;
#else
        atomic { last = third; third = own; own = last; fresh = false };
#endif
        reads[own] = true;
        assert(!writes[own]);
        last = low[own];
        assert(last == high[own]);
        reads[own] = false;
        /* No older value after a newer one, none twice, and none after the terminal frame. */
        assert(last > sent);
        assert(!ended);
        sent = last
     :: else
     fi;
     locked = false
  :: isOver && told == 0 -> break
  od
}

init {
  run Worker();
  run Main()
}

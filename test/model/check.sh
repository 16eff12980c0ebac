#!/usr/bin/env bash
# Checks the models: the protocol as it is must pass, exhaustively, and every mutation must be caught. See README.md.
set -euo pipefail

models="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cc="${CC:-gcc}"
for tool in spin "$cc"; do
  if ! command -v "$tool" > /dev/null; then
    echo "check.sh: '$tool' is not installed; the model check needs spin 6.5 and a C compiler (Debian: apt-get install spin gcc)" >&2
    exit 2
  fi
done
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# explore DIRECTORY MODEL safety|large|cycles DEFINE...: leaves pan's report in DIRECTORY/report.
# Only a long search ("large") earns back what gcc -O2 takes on the generated checker: ten seconds.
explore() {
  local directory="$1" model="$models/$2.pml" search="$3" compile=(-O0 -DSAFETY) run=()
  shift 3
  case "$search" in
    large) compile=(-O2 -DSAFETY) ;;
    # No progress label exists, so with -DNP any cycle of the state graph is an error: every run comes to an end.
    cycles) compile=(-O0 -DNP) run=(-l) ;;
  esac
  mkdir "$directory"
  (
    cd "$directory"
    spin -a "$@" "$model" &&
      "$cc" -w "${compile[@]}" -DMEMLIM=3000 -o pan pan.c &&
      ./pan "${run[@]}" -m10000 -w24
  ) > "$directory/report" 2>&1 || true
}

# verdict DIRECTORY pass|error NAME: one line. A search that was cut short (depth, memory) is neither.
verdict() {
  local report="$1/report" wanted="$2" name="$3" states depth found=nothing detail word=FAIL
  states="$(sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' "$report")"
  depth="$(sed -nE 's/.*depth reached ([0-9]+), errors.*/\1/p' "$report")"
  detail="$(grep -m1 -E 'pan:|[Ee]rror' "$report" || true)"
  if grep -qE 'max search depth too small|out of memory|memory limit|resize' "$report"; then
    found=incomplete
  elif grep -qE 'errors: 0$' "$report" && ! grep -q 'Search not completed' "$report"; then
    found=pass detail='no error, search complete'
  elif grep -qE 'pan:1: (assertion violated|invalid end state|non-progress cycle)' "$report"; then
    found=error
  fi
  [ "$found" != "$wanted" ] || word=ok
  printf '%-4s %-30s %10s states, depth %4s: %.80s\n' "$word" "$name" "${states:-?}" "${depth:-?}" "$detail" > "$1/verdict"
}

# arm NAME WANTED TITLE MODEL SEARCH DEFINE...
arm() {
  explore "$work/$1" "${@:4}"
  verdict "$work/$1" "$2" "$3"
}
base() { arm "$1" pass "base: ${1//-/ }" wire-lock "${@:2}"; }
mutation() { arm "$1" error "mutation: $1" wire-lock safety "-D$1" "${@:2}"; }
room_base() { arm "$1" pass "base: ${1//-/ }" ring-room "${@:2}"; }
room_mutation() { arm "$1" error "mutation: $1" ring-room safety "-D$1" -DSTOPS=0; }
progress_base() { arm "$1" pass "base: ${1//-/ }" progress-slot safety "${@:2}"; }
progress_mutation() { arm "$1" error "mutation: $1" progress-slot safety "-D$1" "${@:2}"; }

# A pending kill, death or stop would wake somebody up once more: where a frame is lost for want of a bell, none may be left.
ONE_CUT=(-DCUTS=1 -DREPLACEMENTS=0 -DANSWERS=0)

lane_1() {
  base kill-and-death large -DDATA_AGAIN=0 -DANSWERS=0
  base every-run-ends cycles -DDATA=1 -DREPLACEMENTS=0 -DANSWERS=0
  base cut cycles "${ONE_CUT[@]}" -DDATA=1 -DKILLS=0 -DDEATHS=0
  base cut-kill-and-death safety "${ONE_CUT[@]}" -DDATA=0
  mutation NO_COMING_BACK "${ONE_CUT[@]}" -DDATA=1 -DKILLS=0 -DDEATHS=0
  mutation BEGUN_NOT_FIRST "${ONE_CUT[@]}" -DDATA=1 -DKILLS=0 -DDEATHS=0
  mutation INTENT_FORGOTTEN "${ONE_CUT[@]}" -DDATA=1 -DKILLS=0 -DDEATHS=0
  mutation REVOKED_FORGOTTEN "${ONE_CUT[@]}" -DDATA=1 -DDEATHS=0
  mutation NO_LOOK_AGAIN "${ONE_CUT[@]}" -DDATA=1 -DKILLS=0 -DDEATHS=0
  mutation LOOK_LEAVES_BELLS "${ONE_CUT[@]}" -DDATA=1 -DKILLS=0 -DDEATHS=0
  mutation NO_END_HOLDER "${ONE_CUT[@]}" -DDATA=1 -DKILLS=0 -DDEATHS=0
}
lane_2() {
  base kill safety -DDEATHS=0 -DANSWERS=0 -DDATA_AGAIN=0
  base death safety -DKILLS=0 -DANSWERS=0 -DDATA_AGAIN=0
  base kill-and-answer safety -DDEATHS=0 -DDATA=1 -DDATA_AGAIN=0
  base death-and-answer safety -DKILLS=0 -DDATA=1 -DDATA_AGAIN=0
  base no-fault safety -DKILLS=0 -DDEATHS=0
  mutation NO_LOCK -DDEATHS=0
  mutation NO_REVOKE -DDEATHS=0
  mutation NO_RECHECK -DKILLS=0 -DDEATHS=0
  mutation NO_RECHECK_MAIN -DKILLS=0 -DDEATHS=0
  mutation NO_EXIT_NOTIFY -DKILLS=0
  mutation NO_BELL_RESET -DKILLS=0
  mutation WAKE_AFTER_INTENT -DKILLS=0
  mutation NO_ADOPT -DKILLS=0
  mutation TERMEND_AFTER_TAIL -DDEATHS=0 -DDATA=1
  mutation TERMEND_READ_FIRST -DDEATHS=0 -DDATA=1
  mutation HEAD_BEFORE_TAIL -DKILLS=0 -DDEATHS=0
  mutation BELL_CLEARED_LATE -DKILLS=0 -DDEATHS=0
  mutation RESUME_AFTER_INTENT -DKILLS=0
  mutation RESUME_BEHIND_OUTBOX -DDEATHS=0 -DDATA=1
  mutation INTENT_IGNORED -DKILLS=0
  room_base room-for-all cycles -DSTOPS=0
  room_base room-and-a-stop cycles
  room_mutation ONE_WORD
  room_mutation NO_SECOND_LOOK
  room_mutation TICKET_DRAWN_LATE
  room_mutation HEAD_STORED_LATE
  room_mutation CLEARED_LATE
  room_mutation TAKEN_BACK_FROM_OTHERS
  room_mutation NO_BELL_FOR_ROOM
  room_mutation GRANT_UNANNOUNCED
  progress_base progress-and-an-end
  progress_base progress-of-one-that-computes -DCOMPUTES=1
  progress_mutation TWO_STEPS
  progress_mutation NEVER_TOLD_AGAIN -DCOMPUTES=1
  progress_mutation LOOK_BEFORE_LOCK
}

echo "wire-lock.pml, ring-room.pml and progress-slot.pml, $(spin -V): two minutes of processor time on two cores, 1.5 GB"
lane_1 &
lane_2 &
wait

# The lanes run side by side; the lines come in the order of this file, and an arm that left none is missed here.
passed=0 failed=0
while read -r name; do
  line="$(cat "$work/$name/verdict" 2> /dev/null || echo "FAIL $name: did not run")"
  echo "$line"
  if [[ "$line" == ok* ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done < <(sed -nE 's/^  (room_|progress_)?(base|mutation) ([A-Za-z_-]+).*/\3/p' "${BASH_SOURCE[0]}")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

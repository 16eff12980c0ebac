@0x9b5c0d8aa1951968;

# The frames of a stream: the payload of IpcEnvelope where messageType is streamFrame. README.md says which frame may
# follow which, and what it costs.
#
# Hosts in other languages compile against this file. Names, ordinals, types and defaults never change; what is new is
# appended.

using Ipc = import "ipc.capnp";

const initialCredit :UInt32 = 262144;
# Bytes of credit that each side of a new stream starts with, until more is granted. A module with another first window
# says so in Initialized.initialCredit; a host that sent no initialize counts with this constant. What the module may
# send at first is Open.initialCredit.

const maxDataBytes :UInt32 = 1048576;
# The largest payload of one Data frame, in bytes.

const minDataCost :UInt32 = 64;
# What a Data frame costs at the least, in bytes of credit, however short its payload is.

struct StreamFrame {
  # One step in the life of one stream.

  streamId :group {
    # Chosen by the host, 128 bits. Its text form, the envelope's requestId, is 32 lower-case hex digits, hi first. The
    # two must say the same id.

    hi @0 :UInt64;
    # The high 64 bits: the first 16 digits.

    lo @1 :UInt64;
    # The low 64 bits: the last 16 digits.
  }

  union {
    open @2 :Open;
    # Host to module. Starts the stream.

    data @3 :Data;
    # Both ways, at most maxDataBytes. One send is one frame: boundaries are kept.

    credit @4 :UInt32;
    # Both ways. Bytes that the receiver of this frame may send on top of what it had.

    close @5 :Void;
    # Both ways: "I have sent all". From the host a half-close; from the module the end of the stream.

    cancel @6 :Text;
    # Host to module. Stop; the text is the reason, for people. The module answers error(cancelled).

    error @7 :Ipc.IpcError;
    # Both ways. Ends the stream at once; nothing follows it.

    progress @8 :Data;
    # Module to host, only where Initialize.accepts says "progress". How far the call is, at most 4,096 bytes; what is in
    # it is the method's business, JSON by default. The latest replaces those that have not left yet. Costs no credit.
  }
}

struct Open {
  # The first frame of a stream.

  context @0 :Ipc.InvocationContext;
  # Who calls which method, until when.

  initialCredit @1 :UInt32 = 262144;
  # Bytes of Data that the module may send at first. 0: none before the first credit frame.
}

@0x9be4fc01ac868556;

# The envelope between the host runtime (the parent process) and a module (its child), and every message that travels
# in one, but for the frames of streams: those are in ipc_streaming.capnp. README.md says how they are used.
#
# Hosts in other languages compile against this file. Names, ordinals, types and defaults never change; what is new is
# appended, and a receiver ignores the fields that it doesn't know.

struct IpcEnvelope {
  # The root of every message on the wire, in both directions.

  messageType @0 :MessageType;
  # Says which struct `payload` holds. An enumerant that the receiver doesn't know is never taken for another one.

  requestId @1 :Text;
  # Pairs an answer with its request: an answer repeats the text of its request. At most 256 bytes of UTF-8. For
  # streamFrame it is the text form of the frame's StreamId: 32 lower-case hex digits. Empty in kvChangeNotification
  # only, which has no answer, and in the one error that ends a connection.

  payload @2 :Data;
  # One nested Cap'n Proto message with a segment table of its own, framed like the outer one. Zero length stands for
  # the struct with all its defaults; for streamFrame that is malformed.

  enum MessageType {
    # What a payload is.

    handle @0;
    # Host to module, HandleRequest. Answered by response(HandleResponse) or by error.

    response @1;
    # Module to host. The success answer to handle, initialize, health and shutdown.

    error @2;
    # Both ways, IpcError. The failure answer to the request of the same requestId.

    serviceRequest @3;
    # Module to host, ServiceRequest. Answered by serviceResponse or by error.

    serviceResponse @4;
    # Host to module, ServiceResponse.

    initialize @5;
    # Host to module, Initialize. Optional. Answered by response(Initialized).

    health @6;
    # Host to module, empty. Answered by response(HealthReport).

    shutdown @7;
    # Host to module, Shutdown. Answered by an empty response when drained; the module then exits with 0.

    kvChangeNotification @8;
    # Host to module, KvChange. No answer.

    streamFrame @9;
    # Both ways, StreamFrame of ipc_streaming.capnp.
  }
}

enum ErrorCode {
  # What went wrong, for programs. IpcError.message says it for people.

  internal @0;
  # A fault of the implementation itself. Also how a reader takes a code that it doesn't know.

  cancelled @1;
  # The host cancelled, went away, or shut the module down before the work was done.

  deadlineExceeded @2;
  # InvocationContext.deadlineUnixMs passed.

  streamingUnsupported @3;
  # The module has no handler for streams.

  methodNotFound @4;
  # The module has no handler for InvocationContext.method.

  invalidArgument @5;
  # The caller's input is at fault, or a context is over its limits.

  handlerFailed @6;
  # The handler threw.

  resourceExhausted @7;
  # A queue or a limit on memory is full. Trying again later may work.

  workerCrashed @8;
  # The thread that ran the handler died: out of memory, process.exit, a crash.

  unavailable @9;
  # The module is draining and takes no new work.

  protocolViolation @10;
  # The peer sent what the protocol doesn't allow.

  flowControlViolation @11;
  # The peer sent without credit, or too large a Data, or granted too much.

  unimplemented @12;
  # A message type or a protocol version that the receiver doesn't speak.
}

struct IpcError {
  # A failure: the payload of an `error` envelope, and the terminal `error` frame of a stream.

  code @0 :ErrorCode;
  # For programs.

  message @1 :Text;
  # For people: one line or a few. A module cuts it to 4 KiB; it never holds a stack trace.

  details @2 :Data;
  # Bytes that the failing handler chose to attach. Opaque to the protocol.
}

struct InvocationContext {
  # Who calls what, on whose behalf, until when. At most 256 metadata entries, and 64 KiB of what the fields hold: 64 bytes
  # for the struct, each text with its NUL padded to 8 bytes, 8 bytes for the list's tag and 16 for each entry.

  invocationId @0 :Text;
  # Names this invocation in logs. Opaque.

  method @1 :Text;
  # Which of the module's handlers is meant.

  caller @2 :Text;
  # The authenticated principal, as the host knows it. The module trusts it.

  tenant @3 :Text;
  # The tenant on whose behalf the call runs. Opaque.

  deadlineUnixMs @4 :UInt64;
  # When the answer is no longer wanted: milliseconds since 1970-01-01T00:00:00Z. 0: no deadline.

  traceparent @5 :Text;
  # The `traceparent` header of W3C Trace Context. Empty: not traced.

  tracestate @6 :Text;
  # The `tracestate` header of W3C Trace Context.

  metadata @7 :List(Entry);
  # What else the caller says, in the caller's order. Keys may repeat.

  struct Entry {
    # One thing that the caller says.

    key @0 :Text;
    # The entry's name.

    value @1 :Text;
    # The entry's value.
  }
}

struct HandleRequest {
  # Payload of handle: one unary call.

  context @0 :InvocationContext;
  # Who calls which method.

  body @1 :Data;
  # The argument, in whatever encoding the method defines.
}

struct HandleResponse {
  # Payload of the response to handle.

  body @0 :Data;
  # The result, in whatever encoding the method defines.
}

struct ServiceRequest {
  # Payload of serviceRequest: the module asks something of the host.

  service @0 :Text;
  # The service of the host that is meant.

  method @1 :Text;
  # The method of that service.

  body @2 :Data;
  # The argument, in whatever encoding the service defines.

  context @3 :InvocationContext;
  # The context of the invocation that asks.
}

struct ServiceResponse {
  # Payload of serviceResponse: the host's success answer. Its failure answer is an `error` envelope.

  body @0 :Data;
  # The result, in whatever encoding the service defines.
}

struct KvChange {
  # Payload of kvChangeNotification: a key of the host's key-value store has changed.

  key @0 :Text;
  # The key that changed. A change that nobody has read yet gives way to a newer one of the same key.

  operation @1 :Operation;
  # What happened to the key.

  value @2 :Data;
  # The new value; empty after a delete.

  version @3 :UInt64;
  # The store's version of this change. Grows with each change of a key.

  enum Operation {
    # What can happen to a key.

    set @0;
    # The key has the value `value` from now on.

    delete @1;
    # The key is gone.
  }
}

struct Initialize {
  # Payload of initialize. Optional: a module serves a host that never sends it.

  protocolVersion @0 :UInt16 = 1;
  # The version of this protocol that the host speaks. One that the module doesn't speak is answered with
  # error(unimplemented).

  runtimeName @1 :Text;
  # The host's name, for logs.

  runtimeVersion @2 :Text;
  # The host's version, for logs.

  config @3 :Data;
  # Configuration for the module's code. Opaque to the protocol.

  accepts @4 :List(Text);
  # What the host understands beyond the first version of these schemas: today "progress", see StreamFrame.progress of
  # ipc_streaming.capnp. Entries that the module doesn't know are ignored.
}

struct Initialized {
  # Payload of the response to initialize: what the module is and can do.

  protocolVersion @0 :UInt16 = 1;
  # The version of this protocol that the module speaks.

  moduleName @1 :Text;
  # The module's name.

  moduleVersion @2 :Text;
  # The module's version.

  capabilities @3 :List(Text);
  # Of "handle", "kvChange" and "serverStream": which kinds of work the module has handlers for.

  methods @4 :List(Text);
  # The methods of its streams, where the module names them; empty where one handler takes all methods.

  workers @5 :UInt16;
  # How many worker threads run handlers.

  initialCredit @6 :UInt32;
  # Bytes of Data that the host may send on each new stream until more is granted. At least the constant initialCredit
  # of ipc_streaming.capnp; 0: that constant.

  methodInfo @7 :List(MethodInfo);
  # What the module says of its methods: one for each entry of `methods`, in that order, then the unary methods that the
  # module names. Empty where it says nothing, or where it would make the message too large.
}

struct MethodInfo {
  # One method, as its module describes it. A host needs none of it to call the method.

  name @0 :Text;
  # As in InvocationContext.method.

  mode @1 :Mode;
  # How its handler runs.

  description @2 :Text;
  # For people: what the method does. Empty where the module doesn't say.

  input @3 :PayloadInfo;
  # What the host sends.

  output @4 :PayloadInfo;
  # What the module sends.

  timeoutMs @5 :UInt32;
  # Milliseconds from the start of its handler after which the module ends a call. 0: none.

  concurrency @6 :UInt32;
  # How many calls of the method run at a time; more of them wait. 0: as many as the module can run.

  kind @7 :Kind;
  # Which message calls it.

  progress @8 :PayloadInfo;
  # What is in the progress frames of the method. Without a codec: the method sends none, or doesn't say.

  enum Mode {
    # How a handler runs.

    sync @0;
    # It has a worker to itself.

    async @1;
    # It may share a worker with other asynchronous handlers.
  }

  enum Kind {
    # Which message calls a method.

    stream @0;
    # An open frame.

    handle @1;
    # A handle message. One value each way.
  }
}

struct PayloadInfo {
  # What the bytes of one direction of a method are.

  codec @0 :Text;
  # "bytes", "text", "json", "ndjson", "capnp", or a name of the author's own. Empty: nothing is sent, or not said.

  jsonSchema @1 :Text;
  # A JSON Schema document (2020-12) of one value. Empty: none is known.

  single @2 :Bool;
  # Exactly one value is sent, and not any number.

  typeName @3 :Text;
  # For "capnp": the name of the struct.
}

struct HealthReport {
  # Payload of the response to health. Counters run from the start of the process.

  status @0 :Status;
  # Whether the module takes new work.

  openStreams @1 :UInt32;
  # Accepted streams whose handler has not ended, those of queuedOpens among them.

  queuedOpens @2 :UInt32;
  # Streams that were accepted and wait for a worker.

  workers @3 :UInt16;
  # Worker threads that run handlers.

  busyWorkers @4 :UInt16;
  # Those that run one right now.

  uptimeMs @5 :UInt64;
  # Milliseconds since the process started.

  framesIn @6 :UInt64;
  # Messages read from the host.

  framesOut @7 :UInt64;
  # Messages written to the host.

  bytesIn @8 :UInt64;
  # Bytes read from the host, framing counted in.

  bytesOut @9 :UInt64;
  # Bytes written to the host, framing counted in.

  rssBytes @10 :UInt64;
  # Resident memory of the process, in bytes.

  enum Status {
    # Whether a module takes new work.

    serving @0;
    # Takes new work.

    draining @1;
    # Finishes what it has; new work gets error(unavailable).
  }
}

struct Shutdown {
  # Payload of shutdown.

  drainMs @0 :UInt32 = 5000;
  # How long running streams may go on before they are cancelled, in milliseconds.
}

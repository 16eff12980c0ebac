// A module child: its process, its requests, and its streams by their ids.
#pragma once

#include <capnp/serialize.h>
#include <fcntl.h>
#include <kj/debug.h>
#include <kj/io.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <thread>
#include "stream.h"

namespace ixt {

// Who calls what, until when.
struct Call {
  std::string method;
  std::map<std::string, std::string> metadata{};
  std::chrono::milliseconds deadline{0};  // from now on; 0: none
};

class Module {
 public:
  // Answers what a handler asks: service, method, body. A ModuleError that it throws reaches the handler. It is called by the
  // thread that reads, so it must not wait for the module.
  using Service = std::function<Bytes(const std::string&, const std::string&, View)>;

  // Starts `command`, which ends with a null pointer, with the protocol on its standard input and output.
  Module(char* const* command, Service service) : service(std::move(service)) {
    signal(SIGPIPE, SIG_IGN);  // a module that is gone shows by the end of its output
    int input[2], output[2];
    KJ_SYSCALL(pipe2(input, O_CLOEXEC));
    KJ_SYSCALL(pipe2(output, O_CLOEXEC));
    kj::AutoCloseFd itsInput(input[0]), itsOutput(output[1]);
    toModule = kj::AutoCloseFd(input[1]);
    fromModule = kj::AutoCloseFd(output[0]);
    if ((pid = fork()) == 0) {
      dup2(itsInput, STDIN_FILENO);
      dup2(itsOutput, STDOUT_FILENO);
      execvp(command[0], command);
      _exit(127);
    }
    reader = std::thread([this] { readAll(); });
  }

  ~Module() { wait(); }

  // Optional, and first. Gives the module's name.
  std::string initialize() {
    capnp::MallocMessageBuilder message;
    message.initRoot<::Initialize>().setRuntimeName("a host in C++");
    Bytes payload = request(Type::INITIALIZE, message);
    Nested answer(viewOf(payload));
    auto told = answer.root<::Initialized>();
    if (told.getInitialCredit() != 0) window = told.getInitialCredit();
    return told.getModuleName();
  }

  std::shared_ptr<Stream> open(const Call& call) {
    std::unique_lock lock(mutex);
    if (over) throw *over;
    auto id = ++lastId;
    auto sendFrame = [this, id](const Fill& fill) { writeFrame(id, fill); };
    auto stream = streams[id] = std::make_shared<Stream>(sendFrame, window);
    lock.unlock();
    sendFrame([&](auto frame) { fill(frame.initOpen().initContext(), call); });
    return stream;
  }

  // Lets what runs end, within that time, and gives the exit code.
  int shutdown(std::chrono::milliseconds drain) {
    capnp::MallocMessageBuilder message;
    message.initRoot<::Shutdown>().setDrainMs(drain.count());
    request(Type::SHUTDOWN, message);
    return wait();
  }

 private:
  using Type = ::IpcEnvelope::MessageType;

  // A payload: a message of its own, or nothing for all defaults. It lies on a whole word, as all Data do.
  struct Nested {
    explicit Nested(View view) {
      auto words = reinterpret_cast<const capnp::word*>(view.begin());
      if (view.size() > 0) reader.emplace(kj::arrayPtr(words, view.size() / sizeof(capnp::word)));
    }
    template <typename Struct>
    typename Struct::Reader root() {
      return reader ? reader->getRoot<Struct>() : typename Struct::Reader();
    }
    std::optional<capnp::FlatArrayMessageReader> reader;
  };

  static void fill(::InvocationContext::Builder context, const Call& call) {
    context.setMethod(call.method);
    auto until = std::chrono::system_clock::now().time_since_epoch() + call.deadline;
    if (call.deadline.count() > 0) context.setDeadlineUnixMs(until / std::chrono::milliseconds(1));
    auto entries = context.initMetadata(call.metadata.size());
    uint32_t index = 0;
    for (auto& [key, value] : call.metadata) {
      entries[index].setKey(key);
      entries[index++].setValue(value);
    }
  }

  void write(Type type, const std::string& requestId, capnp::MessageBuilder& payload) {
    capnp::MallocMessageBuilder message;
    auto envelope = message.initRoot<::IpcEnvelope>();
    envelope.setMessageType(type);
    envelope.setRequestId(requestId);
    auto words = capnp::messageToFlatArray(payload);
    envelope.setPayload(words.asBytes());
    std::lock_guard lock(writing);
    try {
      if (toModule.get() >= 0) capnp::writeMessageToFd(toModule, message);
    } catch (const kj::Exception&) {
      // The module has gone: the reader sees its end and fails what waits.
    }
  }

  // This host uses the lower half of the 128 bits of an id.
  void writeFrame(uint64_t id, const Fill& fill) {
    capnp::MallocMessageBuilder message;
    auto frame = message.initRoot<::StreamFrame>();
    frame.getStreamId().setLo(id);
    fill(frame);
    char text[33];
    std::snprintf(text, sizeof text, "%032llx", static_cast<unsigned long long>(id));
    write(Type::STREAM_FRAME, text, message);
  }

  Bytes request(Type type, capnp::MessageBuilder& payload) {
    std::unique_lock lock(mutex);
    if (over) throw *over;
    auto requestId = "request-" + std::to_string(++lastId);
    auto answer = requests[requestId].get_future();
    lock.unlock();
    write(type, requestId, payload);
    return answer.get();
  }

  void readAll() {
    ModuleError end(::ErrorCode::UNAVAILABLE, "the module has ended");
    try {
      kj::FdInputStream source(fromModule.get());
      kj::BufferedInputStreamWrapper buffered(source);
      while (buffered.tryGetReadBuffer().size() > 0) {
        capnp::InputStreamMessageReader message(buffered);
        dispatch(message.getRoot<::IpcEnvelope>());
      }
    } catch (const kj::Exception& exception) {
      end = {::ErrorCode::PROTOCOL_VIOLATION, exception.getDescription().cStr()};
    }
    std::lock_guard lock(mutex);
    over = end;
    for (auto& [id, promise] : requests) promise.set_exception(std::make_exception_ptr(end));
    for (auto& [id, stream] : streams) stream->fail(end);
  }

  // What is of no stream and no request is left alone: a late answer, or a type of a newer schema.
  void dispatch(::IpcEnvelope::Reader envelope) {
    auto type = envelope.getMessageType();
    auto payload = envelope.getPayload();
    if (type == Type::SERVICE_REQUEST) return serve(envelope.getRequestId(), payload);
    std::lock_guard lock(mutex);
    if (type == Type::STREAM_FRAME) {
      Nested nested(payload);
      auto frame = nested.root<::StreamFrame>();
      auto found = streams.find(frame.getStreamId().getLo());
      if (found == streams.end()) return;
      found->second->receive(frame);
      if (frame.isClose() || frame.isError()) streams.erase(found);
    } else if (auto found = requests.find(envelope.getRequestId()); found != requests.end()) {
      if (type == Type::RESPONSE) found->second.set_value({payload.begin(), payload.end()});
      else found->second.set_exception(std::make_exception_ptr(ModuleError(Nested(payload).root<::IpcError>())));
      requests.erase(found);
    }
  }

  void serve(const std::string& requestId, View payload) {
    capnp::MallocMessageBuilder answer;
    try {
      Nested nested(payload);
      auto asked = nested.root<::ServiceRequest>();
      auto body = service(asked.getService(), asked.getMethod(), asked.getBody());
      answer.initRoot<::ServiceResponse>().setBody(viewOf(body));
      write(Type::SERVICE_RESPONSE, requestId, answer);
    } catch (const ModuleError& error) {
      auto failure = answer.initRoot<::IpcError>();
      failure.setCode(error.code);
      failure.setMessage(error.what());
      write(Type::ERROR, requestId, answer);
    }
  }

  // Ends the module's input, which ends the module, and waits for it.
  int wait() {
    if (reader.joinable()) {
      std::unique_lock lock(writing);
      toModule = nullptr;
      lock.unlock();
      reader.join();
      waitpid(pid, &status, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  Service service;
  pid_t pid = -1;
  int status = 0;
  kj::AutoCloseFd toModule, fromModule;
  std::mutex writing;
  std::mutex mutex;  // of what follows
  uint64_t lastId = 0;
  int64_t window = ::INITIAL_CREDIT;
  std::optional<ModuleError> over;
  std::map<std::string, std::promise<Bytes>> requests;
  std::map<uint64_t, std::shared_ptr<Stream>> streams;
  std::thread reader;
};

}  // namespace ixt

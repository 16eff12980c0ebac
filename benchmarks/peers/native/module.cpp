// A module in C++: sink, source and echo as `modules/load.ts` has them, on one thread. It speaks the whole protocol of a well-meaning
// host through Cap'n Proto's own library, so that the child's cost can be compared with what a compiled language takes.
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/io.h>
#include <malloc.h>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>
#include "ipc.capnp.h"
#include "ipc_streaming.capnp.h"

namespace {

constexpr uint32_t kWindow = 262144;  // initialCredit of the schema
constexpr uint32_t kMinCost = 64;     // minDataCost of the schema

struct Stream {
  uint64_t hi = 0;
  uint64_t lo = 0;
  std::string id;
  std::string method;
  int64_t credit = 0;     // we may send while it is above 0; a frame may take it below
  uint64_t received = 0;  // bytes of a sink
  uint32_t owed = 0;      // credit that the host has not got back yet
  uint64_t left = 0;      // frames of a source
  std::vector<kj::byte> chunk;
  std::deque<std::vector<kj::byte>> waiting;  // of an echo, for credit
  bool inputEnded = false;
};

kj::FdOutputStream out(1);

void writeEnvelope(IpcEnvelope::MessageType type, capnp::Text::Reader id, capnp::MessageBuilder& inner) {
  const size_t words = capnp::computeSerializedSizeInWords(inner);
  capnp::MallocMessageBuilder outer(words + 32);
  auto envelope = outer.initRoot<IpcEnvelope>();
  envelope.setMessageType(type);
  envelope.setRequestId(id);
  auto payload = envelope.initPayload(words * sizeof(capnp::word));
  kj::ArrayOutputStream into(payload);
  capnp::writeMessage(into, inner);
  capnp::writeMessage(out, outer);
}

template <typename Fill>
void sendFrame(const Stream& stream, size_t bytes, Fill fill) {
  capnp::MallocMessageBuilder inner(bytes / sizeof(capnp::word) + 32);
  auto frame = inner.initRoot<StreamFrame>();
  auto id = frame.getStreamId();
  id.setHi(stream.hi);
  id.setLo(stream.lo);
  fill(frame);
  writeEnvelope(IpcEnvelope::MessageType::STREAM_FRAME, stream.id, inner);
}

void sendData(Stream& stream, kj::ArrayPtr<const kj::byte> bytes) {
  stream.credit -= std::max<size_t>(bytes.size(), kMinCost);
  sendFrame(stream, bytes.size(), [&](StreamFrame::Builder frame) { frame.setData(bytes); });
}

/** Sends what credit allows. True when the stream has ended. */
bool pump(Stream& stream) {
  while (stream.left > 0 && stream.credit > 0) {
    stream.left--;
    sendData(stream, kj::arrayPtr(stream.chunk.data(), stream.chunk.size()));
  }
  while (!stream.waiting.empty() && stream.credit > 0) {
    auto& bytes = stream.waiting.front();
    sendData(stream, kj::arrayPtr(bytes.data(), bytes.size()));
    stream.waiting.pop_front();
  }
  const bool isSource = stream.method == "source";
  if (stream.left > 0 || !stream.waiting.empty() || !(isSource || stream.inputEnded)) return false;
  if (stream.method == "sink") {
    const double received = static_cast<double>(stream.received);
    if (stream.credit <= 0) return false;
    kj::byte bytes[sizeof received];
    memcpy(bytes, &received, sizeof received);
    sendData(stream, kj::arrayPtr(bytes, sizeof bytes));
  }
  sendFrame(stream, 0, [](StreamFrame::Builder frame) { frame.setClose(); });
  return true;
}

void recvData(Stream& stream, capnp::Data::Reader data) {
  stream.received += data.size();
  if (stream.method == "echo") {
    if (stream.waiting.empty() && stream.credit > 0) {
      sendData(stream, data);
    } else {
      stream.waiting.emplace_back(data.begin(), data.end());
    }
  }
  stream.owed += std::max<size_t>(data.size(), kMinCost);
  if (stream.owed < kWindow / 2) return;
  const uint32_t credit = stream.owed;
  stream.owed = 0;
  sendFrame(stream, 0, [&](StreamFrame::Builder frame) { frame.setCredit(credit); });
}

uint64_t numberOf(InvocationContext::Reader context, const char* key) {
  for (auto entry : context.getMetadata()) {
    if (entry.getKey() == key) return std::stoull(entry.getValue().cStr());
  }
  return 0;
}

Stream opened(StreamFrame::Reader frame, capnp::Text::Reader id) {
  Stream stream;
  stream.hi = frame.getStreamId().getHi();
  stream.lo = frame.getStreamId().getLo();
  stream.id = id.cStr();
  auto open = frame.getOpen();
  stream.method = open.getContext().getMethod().cStr();
  // The asynchronous handlers of the benchmarks do the same.
  const auto suffix = stream.method.find("-async");
  if (suffix != std::string::npos) stream.method.erase(suffix);
  stream.credit = open.getInitialCredit();
  if (stream.method == "source") {
    stream.left = numberOf(open.getContext(), "count");
    stream.chunk.assign(numberOf(open.getContext(), "size"), 0xa5);
  }
  return stream;
}

}  // namespace

int main() {
  // Memory for large messages is kept and used again: fresh pages would cost more than all else that is done with a message of 1 MiB.
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  std::map<std::string, Stream> streams;
  kj::FdInputStream raw(0);
  auto buffer = kj::heapArray<kj::byte>(1 << 16);
  kj::BufferedInputStreamWrapper in(raw, buffer);
  capnp::ReaderOptions limits;
  limits.traversalLimitInWords = 1 << 26;
  while (in.tryGetReadBuffer().size() > 0) {
    capnp::InputStreamMessageReader message(in, limits);
    auto envelope = message.getRoot<IpcEnvelope>();
    const auto id = envelope.getRequestId();
    const auto type = envelope.getMessageType();
    if (type == IpcEnvelope::MessageType::INITIALIZE || type == IpcEnvelope::MessageType::SHUTDOWN) {
      capnp::MallocMessageBuilder answer;
      auto initialized = answer.initRoot<Initialized>();
      initialized.setProtocolVersion(1);
      initialized.setInitialCredit(kWindow);
      writeEnvelope(IpcEnvelope::MessageType::RESPONSE, id, answer);
      if (type == IpcEnvelope::MessageType::SHUTDOWN) return 0;
      continue;
    }
    if (type != IpcEnvelope::MessageType::STREAM_FRAME) return 70;
    const auto payload = envelope.getPayload();
    capnp::FlatArrayMessageReader inner(
        kj::arrayPtr(reinterpret_cast<const capnp::word*>(payload.begin()), payload.size() / sizeof(capnp::word)),
        limits);
    auto frame = inner.getRoot<StreamFrame>();
    if (frame.isOpen()) streams[id.cStr()] = opened(frame, id);
    const auto found = streams.find(id.cStr());
    if (found == streams.end()) continue;
    auto& stream = found->second;
    if (frame.isData()) recvData(stream, frame.getData());
    if (frame.isCredit()) stream.credit += frame.getCredit();
    if (frame.isClose()) stream.inputEnded = true;
    if (pump(stream)) streams.erase(found);
  }
  return 0;
}

// One call with chunks both ways, and its credit.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include "ipc_streaming.capnp.h"

namespace ixt {

using Bytes = std::vector<uint8_t>;
using View = kj::ArrayPtr<const uint8_t>;
// Fills in a frame, and sends a frame that somebody fills in.
using Fill = std::function<void(::StreamFrame::Builder)>;
using SendFrame = std::function<void(const Fill&)>;

inline View viewOf(const Bytes& bytes) { return {bytes.data(), bytes.size()}; }
inline View viewOf(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// What the module, or its end, answered instead of a result.
struct ModuleError : std::runtime_error {
  ModuleError(::ErrorCode code, const std::string& message) : std::runtime_error(message), code(code) {}
  explicit ModuleError(::IpcError::Reader error) : ModuleError(error.getCode(), error.getMessage().cStr()) {}
  ::ErrorCode code;
};

// `send`, `close` and `cancel` may be called while another thread waits in `next`.
class Stream {
 public:
  Stream(SendFrame sendFrame, int64_t window) : sendFrame(std::move(sendFrame)), sendBalance(window) {}

  // Sends one chunk of at most 1 MiB, and waits for credit first. Throws ModuleError where the stream has ended.
  void send(View chunk) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return sendBalance > 0 || ended; });
    if (failure) throw *failure;
    if (ended) throw ModuleError(::ErrorCode::CANCELLED, "the module has closed the stream");
    sendBalance -= costOf(chunk);
    lock.unlock();
    sendFrame([&](auto frame) { frame.setData(chunk); });
  }

  // Says that nothing more is sent; the module may go on sending.
  void close() { sendFrame([](auto frame) { frame.setClose(); }); }
  void cancel(const std::string& reason) { sendFrame([&](auto frame) { frame.setCancel(reason); }); }

  // The next chunk; none at a clean end. Throws ModuleError where the stream has failed.
  std::optional<Bytes> next() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !received.empty() || ended; });
    if (received.empty()) {
      if (failure) throw *failure;
      return std::nullopt;
    }
    Bytes chunk = std::move(received.front());
    received.pop_front();
    // What was taken is granted back, half a window at a time.
    taken += costOf(viewOf(chunk));
    if (taken >= ::INITIAL_CREDIT / 2 && !ended) {
      auto grant = std::exchange(taken, 0);
      lock.unlock();
      sendFrame([&](auto frame) { frame.setCredit(grant); });
    }
    return chunk;
  }

  // For the thread that reads.
  void receive(::StreamFrame::Reader frame) {
    std::lock_guard lock(mutex);
    if (frame.isData()) received.emplace_back(frame.getData().begin(), frame.getData().end());
    if (frame.isCredit()) sendBalance += frame.getCredit();
    if (frame.isError()) failure.emplace(frame.getError());
    ended = ended || frame.isClose() || frame.isError();
    changed.notify_all();
  }

  // No frame comes any more.
  void fail(const ModuleError& error) {
    std::lock_guard lock(mutex);
    failure = error;
    ended = true;
    changed.notify_all();
  }

 private:
  static int64_t costOf(View chunk) { return std::max<int64_t>(chunk.size(), ::MIN_DATA_COST); }

  SendFrame sendFrame;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Bytes> received;
  int64_t sendBalance;
  int64_t taken = 0;
  bool ended = false;
  std::optional<ModuleError> failure;
};

}  // namespace ixt

// Uses a conformance module in every way that a host can: `host COMMAND ARGUMENTS…` runs that command as the module.
#include <iostream>
#include "module.h"

using namespace std::chrono_literals;

static uint64_t uint64Of(const ixt::Bytes& bytes) {
  uint64_t value = 0;
  for (size_t at = 8; at-- > 0;) value = value << 8 | bytes.at(at);
  return value;
}

// Waits for a stream that fails, and says how.
static std::string failureOf(ixt::Stream& stream) {
  try {
    while (stream.next()) continue;
    return "none";
  } catch (const ixt::ModuleError& error) {
    return "code " + std::to_string(static_cast<int>(error.code)) + ", " + error.what();
  }
}

int main(int, char** argv) try {
  ixt::Module module(argv + 1, [](auto& service, auto&, auto body) {
    if (service != "upper") throw ixt::ModuleError(::ErrorCode::METHOD_NOT_FOUND, "no service " + service);
    ixt::Bytes answer(body.begin(), body.end());
    for (auto& byte : answer) byte = std::toupper(byte);
    return answer;
  });
  std::cout << "initialized: " << module.initialize() << '\n';

  // 4 MB from the module, a window at a time.
  auto source = module.open({"source", {{"count", "4000"}, {"size", "1000"}}});
  uint64_t expected = 0;
  while (auto chunk = source->next()) {
    if (uint64Of(*chunk) != expected) throw std::runtime_error("the chunks are out of order");
    expected += 1;
  }
  std::cout << "received: " << expected << " chunks\n";

  // 4 MB to the module: send waits for credit.
  auto sink = module.open({"sink"});
  ixt::Bytes chunk(100'000);
  for (int count = 0; count < 40; count++) sink->send(ixt::viewOf(chunk));
  sink->close();
  std::cout << "sent: " << uint64Of(*sink->next()) << " bytes\n";

  auto cancelled = module.open({"spin", {{"ms", "60000"}}});
  cancelled->cancel("no longer needed");
  std::cout << "cancelled: " << failureOf(*cancelled) << '\n';

  auto late = module.open({"spin", {{"ms", "60000"}}, 100ms});
  std::cout << "too late: " << failureOf(*late) << '\n';

  auto asking = module.open({"service", {{"service", "upper"}, {"method", "of"}}});
  asking->send(ixt::viewOf(std::string("text")));
  asking->close();
  auto text = asking->next().value();
  auto refused = module.open({"service", {{"service", "lower"}, {"method", "of"}}});
  refused->close();
  std::cout << "asked: " << std::string(text.begin(), text.end()) << "; " << failureOf(*refused) << '\n';

  auto running = module.open({"spin", {{"ms", "300"}}});
  int exitCode = module.shutdown(5s);
  std::cout << "drained: " << running->next().value().size() << " bytes, exit code " << exitCode << '\n';
} catch (const std::exception& error) {
  std::cerr << "host: " << error.what() << '\n';
  return 1;
}

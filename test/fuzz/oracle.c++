// What the reference implementation makes of messages: the judge of test/fuzz. One process answers many questions, from standard
// input to standard output; test/support/fuzz-oracle.ts starts it and knows the format.
//
//   oracle SCHEMA_FOLDER FILE:STRUCT...
//
// A question is: op (UInt8), struct (UInt8, an index into the arguments), option (UInt16), length (UInt32), that many bytes.
// An answer is:  verdict (UInt8: 1 taken, 0 refused), length (UInt32), that many bytes.
//
//   op 'R': read all of the message; the answer is a digest of 8 bytes, or, refused and with option 1, the reason
//   op 'B': build the message again, in segments of `option` words
//   op 'F': flush the answers (no struct, no bytes, no answer)
//
// The schemas are read as text, so that nothing here has to be kept in step with them.

#include <capnp/any.h>
#include <capnp/dynamic.h>
#include <capnp/message.h>
#include <capnp/schema-parser.h>
#include <capnp/serialize.h>
#include <kj/debug.h>
#include <kj/exception.h>
#include <kj/filesystem.h>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

struct Digest {
  uint32_t low = 0x811c9dc5;
  uint32_t high = 0x2f0b4ea7;

  void bytes(const void* data, size_t size) {
    const uint8_t* at = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < size; i++) {
      low = (low ^ at[i]) * 0x01000193u;
      high = (high ^ at[i]) * 0x5bd1e995u;
    }
  }

  void number(uint64_t value) { bytes(&value, sizeof value); }

  void blob(const void* data, size_t size) {
    number(size);
    bytes(data, size);
  }
};

// The reader under test gives these as doubles: the one cut at 2^53-1, the others as the nearest.
uint64_t asRead(capnp::StructSchema schema, capnp::StructSchema::Field field, uint64_t value) {
  kj::StringPtr name = field.getProto().getName();
  if (name == "deadlineUnixMs") return kj::min(value, (uint64_t(1) << 53) - 1);
  if (schema.getShortDisplayName() == "HealthReport" && field.getType().isUInt64()) {
    double nearest = double(value);
    std::memcpy(&value, &nearest, sizeof value);
  }
  return value;
}

void readStruct(Digest& digest, capnp::DynamicStruct::Reader reader);

void readValue(Digest& digest, capnp::DynamicValue::Reader value) {
  switch (value.getType()) {
    case capnp::DynamicValue::VOID:
      break;
    case capnp::DynamicValue::BOOL:
      digest.number(value.as<bool>());
      break;
    case capnp::DynamicValue::UINT:
      digest.number(value.as<uint64_t>());
      break;
    case capnp::DynamicValue::ENUM:
      digest.number(value.as<capnp::DynamicEnum>().getRaw());
      break;
    case capnp::DynamicValue::TEXT: {
      auto text = value.as<capnp::Text>();
      digest.blob(text.begin(), text.size());
      break;
    }
    case capnp::DynamicValue::DATA: {
      auto data = value.as<capnp::Data>();
      digest.blob(data.begin(), data.size());
      break;
    }
    case capnp::DynamicValue::LIST: {
      auto list = value.as<capnp::DynamicList>();
      digest.number(list.size());
      // Elements without a byte behind them can be millions; the reader under test takes no such list, and this would take seconds.
      if (list.size() > 65536) break;
      for (auto element : list) readValue(digest, element);
      break;
    }
    case capnp::DynamicValue::STRUCT:
      readStruct(digest, value.as<capnp::DynamicStruct>());
      break;
    default:
      KJ_FAIL_REQUIRE("the schemas use a type that the oracle does not know");
  }
}

void readStruct(Digest& digest, capnp::DynamicStruct::Reader reader) {
  auto schema = reader.getSchema();
  bool unionIsRead = false;
  for (auto field : schema.getFields()) {
    if (field.getProto().getDiscriminantValue() == capnp::schema::Field::NO_DISCRIMINANT) {
      auto value = reader.get(field);
      if (value.getType() == capnp::DynamicValue::UINT) digest.number(asRead(schema, field, value.as<uint64_t>()));
      else readValue(digest, value);
    } else if (!unionIsRead) {
      unionIsRead = true;
      KJ_IF_MAYBE(set, reader.which()) {
        digest.number(set->getProto().getDiscriminantValue());
        readValue(digest, reader.get(*set));
      } else {
        digest.number(capnp::schema::Field::NO_DISCRIMINANT);
      }
    }
  }
}

// A stack trace for each of a million refusals would be most of the work.
struct WithoutTraces : kj::ExceptionCallback {
  StackTraceMode stackTraceMode() override { return StackTraceMode::NONE; }
};

void answer(uint8_t verdict, const void* data, size_t size) {
  uint32_t length = size;
  fwrite(&verdict, 1, 1, stdout);
  fwrite(&length, 4, 1, stdout);
  fwrite(data, 1, size, stdout);
}

struct Question {
  uint8_t op;
  uint8_t type;
  uint16_t option;
  uint32_t length;
};

void act(const Question& question, capnp::StructSchema schema, kj::ArrayPtr<const capnp::word> words) {
  KJ_REQUIRE(question.length % 8 == 0, "a message is whole words");
  capnp::FlatArrayMessageReader reader(words);
  auto root = reader.getRoot<capnp::DynamicStruct>(schema);
  if (question.op == 'B') {
    capnp::MallocMessageBuilder builder(question.option, capnp::AllocationStrategy::FIXED_SIZE);
    builder.getRoot<capnp::AnyPointer>().setAs<capnp::DynamicStruct>(root);
    auto flat = capnp::messageToFlatArray(builder);
    answer(1, flat.begin(), flat.size() * sizeof(capnp::word));
    return;
  }
  Digest digest;
  readStruct(digest, root);
  uint32_t both[] = {digest.low, digest.high};
  answer(1, both, sizeof both);
}

}  // namespace

int main(int argc, char** argv) {
  WithoutTraces withoutTraces;
  auto files = kj::newDiskFilesystem();
  auto folder = files->getRoot().openSubdir(files->getCurrentPath().evalNative(argv[1]));
  capnp::SchemaParser parser;
  std::vector<capnp::StructSchema> structs;
  for (int i = 2; i < argc; i++) {
    kj::StringPtr name = argv[i];
    size_t colon = KJ_REQUIRE_NONNULL(name.findFirst(':'));
    kj::String file = kj::heapString(name.slice(0, colon));
    capnp::ParsedSchema schema = parser.parseFromDirectory(*folder, kj::Path({file}), nullptr);
    kj::StringPtr path = name.slice(colon + 1);
    for (;;) {
      KJ_IF_MAYBE(dot, path.findFirst('.')) {
        schema = schema.getNested(kj::heapString(path.slice(0, *dot)));
        path = path.slice(*dot + 1);
      } else {
        structs.push_back(schema.getNested(path).asStruct());
        break;
      }
    }
  }
  std::vector<capnp::word> words;
  Question question;
  while (fread(&question, sizeof question, 1, stdin) == 1) {
    if (question.op == 'F') {
      fflush(stdout);
      continue;
    }
    words.resize(question.length / 8 + 1);
    if (question.length > 0 && fread(words.data(), question.length, 1, stdin) != 1) return 1;
    KJ_IF_MAYBE(refusal, kj::runCatchingExceptions([&]() {
      act(question, structs.at(question.type), kj::arrayPtr(words.data(), question.length / 8));
    })) {
      auto reason = refusal->getDescription();
      answer(0, reason.begin(), question.option == 1 ? reason.size() : 0);
    }
  }
}

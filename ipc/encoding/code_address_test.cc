#include "asyncpal/ipc/encoding/code_address.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "asyncpal/future/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kPlugin[] = "ipc/testing/plugin.so";
constexpr char kOtherPlugin[] = "ipc/testing/other_plugin.so";
constexpr char kNamelessPlugin[] = "ipc/testing/nameless_plugin.so";

// A shared library, loaded as long as it is in scope.
class Library {
 public:
  explicit Library(const std::string& path)
      : handle_(dlopen(("./" + path).c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) throw std::runtime_error(dlerror());
  }
  ~Library() { dlclose(handle_); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const void* Find(const char* symbol) const {
    const void* const address = dlsym(handle_, symbol);
    if (address == nullptr) throw std::runtime_error(dlerror());
    return address;
  }

 private:
  void* handle_;
};

int Function() { return 42; }
int variable = 42;

const void* AddressOfFunction() {
  return reinterpret_cast<const void*>(&Function);
}

template <typename F>
std::string MessageOf(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const SerializationError& error) {
    return error.what();
  }
  return "(nothing)";
}

TEST(CodeAddressTest, LeadsBackToAFunction) {
  EXPECT_EQ(ResolveAddress(LocateAddress(AddressOfFunction()), true),
            AddressOfFunction());
}

TEST(CodeAddressTest, LeadsBackToAVariable) {
  EXPECT_EQ(ResolveAddress(LocateAddress(&variable), false), &variable);
}

TEST(CodeAddressTest, NamesTheExecutableByTheBeginningOfItsBuildId) {
  const std::string id = ExecutableBuildId();
  const uint64_t module = LocateAddress(&variable).module;

  ASSERT_GE(id.size(), sizeof(module));
  EXPECT_EQ(std::memcmp(id.data(), &module, sizeof(module)), 0);
}

TEST(CodeAddressTest, KeepsDistances) {
  static const char text[] = "text";
  const CodeAddress begin = LocateAddress(text);
  const CodeAddress end = LocateAddress(text + 4);

  EXPECT_EQ(end.offset - begin.offset, 4);
}

TEST(CodeAddressTest, RefusesAVariableAsCode) {
  const CodeAddress address = LocateAddress(&variable);

  EXPECT_THAT(MessageOf([&] { ResolveAddress(address, true); }),
              AllOf(HasSubstr("offset 0x"), HasSubstr("lies outside")));
}

TEST(CodeAddressTest, RefusesAnOffsetBeyondTheProgram) {
  CodeAddress address = LocateAddress(AddressOfFunction());
  address.offset = uint64_t{1} << 40;

  EXPECT_THAT(MessageOf([&] { ResolveAddress(address, false); }),
              HasSubstr("offset 0x10000000000 lies outside this program"));
}

TEST(CodeAddressTest, RefusesAnOffsetThatWrapsAround) {
  CodeAddress address = LocateAddress(AddressOfFunction());
  address.offset = ~uint64_t{0};

  EXPECT_THROW(ResolveAddress(address, false), SerializationError);
}

TEST(CodeAddressTest, RefusesAModuleThatIsNotHere) {
  EXPECT_THAT(MessageOf([] {
                ResolveAddress({0x1234, 0}, false);
              }),
              AllOf(HasSubstr("build-id 0000000000001234..."),
                    HasSubstr("ASYNCPAL_REGISTER_TASK")));
}

TEST(CodeAddressTest, RefusesTheModuleZero) {
  EXPECT_THROW(ResolveAddress({0, 0}, false), SerializationError);
}

TEST(CodeAddressTest, RefusesCodeThatBelongsToNoModule) {
  void* const page = mmap(nullptr, 1, PROT_READ | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);

  EXPECT_THAT(MessageOf([&] { LocateAddress(page); }),
              HasSubstr("lies in no executable or library that is loaded"));
  munmap(page, 1);
}

TEST(CodeAddressTest, RefusesTheNullPointer) {
  EXPECT_THROW(LocateAddress(nullptr), SerializationError);
}

TEST(CodeAddressTest, LeadsBackIntoALibrary) {
  const Library plugin(kPlugin);
  const void* const function = plugin.Find("PluginFunction");

  EXPECT_EQ(ResolveAddress(LocateAddress(function), true), function);
}

TEST(CodeAddressTest, SeesALibraryThatIsLoadedLater) {
  LocateAddress(AddressOfFunction());
  const Library plugin(kPlugin);

  EXPECT_NE(LocateAddress(plugin.Find("plugin_variable")).module,
            LocateAddress(&variable).module);
}

TEST(CodeAddressTest, RefusesALibraryThatIsUnloaded) {
  CodeAddress address;
  {
    const Library plugin(kPlugin);
    address = LocateAddress(plugin.Find("PluginFunction"));
  }

  EXPECT_THAT(MessageOf([&] { ResolveAddress(address, true); }),
              HasSubstr("which this worker does not have"));
}

// The second is mapped where the first was, as a rule, and must not be taken
// for it.
TEST(CodeAddressTest, TellsALibraryFromItsPredecessorAtTheSamePlace) {
  uint64_t first;
  {
    const Library plugin(kPlugin);
    first = LocateAddress(plugin.Find("PluginFunction")).module;
  }
  const Library other(kOtherPlugin);

  EXPECT_NE(LocateAddress(other.Find("PluginFunction")).module, first);
}

TEST(CodeAddressTest, RefusesALibraryWithoutABuildId) {
  const Library plugin(kNamelessPlugin);
  const void* const function = plugin.Find("PluginFunction");

  EXPECT_THAT(MessageOf([&] { LocateAddress(function); }),
              AllOf(HasSubstr("nameless_plugin.so has no build-id"),
                    HasSubstr("-Wl,--build-id")));
}

}  // namespace
}  // namespace asyncpal::internal

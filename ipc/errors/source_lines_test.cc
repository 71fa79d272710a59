#include "asyncpal/ipc/errors/source_lines.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "asyncpal/ipc/errors/throw_trace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kFile[] = "ipc/errors/source_lines_plugin.cc";

// A name that the plugin gives to something.
template <typename T>
T& OfPlugin(const char* name) {
  static void* const plugin =
      dlopen("ipc/errors/libsource_lines_plugin.so", RTLD_NOW);
  if (plugin == nullptr) throw std::runtime_error(dlerror());
  return *static_cast<T*>(dlsym(plugin, name));
}

std::vector<void*> TraceOfTheThrow() {
  EnableThrowTraces();
  try {
    OfPlugin<void (*)(int)>("call_what_is_inlined")(1);
  } catch (...) {
    return ThrowTraceOf(std::current_exception());
  }
  return {};
}

std::vector<std::string> LinesOfTheThrow() {
  return absl::StrSplit(SymbolizeTrace(TraceOfTheThrow()), '\n',
                        absl::SkipEmpty());
}

TEST(SourceLines, BeginWithTheInlinedFunctionThatThrew) {
  const auto lines = LinesOfTheThrow();
  ASSERT_GE(lines.size(), 2u);
  EXPECT_THAT(lines[0],
              ContainsRegex(absl::StrCat(
                  "    at plugin::.*ThrowInlined\\(int\\) ", kFile, ":",
                  OfPlugin<int>("throw_line"), " \\(inlined\\)$")));
}

TEST(SourceLines, NameTheCallOfAnInlinedFunction) {
  const auto lines = LinesOfTheThrow();
  ASSERT_GE(lines.size(), 2u);
  EXPECT_THAT(lines[1],
              ContainsRegex(absl::StrCat(
                  "    at plugin::CallWhatIsInlined\\(int\\) ", kFile, ":",
                  OfPlugin<int>("call_line"),
                  " \\(libsource_lines_plugin.so\\+0x[0-9a-f]+\\)$")));
}

TEST(SourceLines, EndWithMain) {
  EXPECT_THAT(LinesOfTheThrow().back(), HasSubstr("at main "));
}

TEST(SourceLines, AreNoneWithoutDebugInformation) {
  int local = 0;
  EXPECT_THAT(FindSource(&local), IsEmpty());
  EXPECT_THAT(FindSource(nullptr), IsEmpty());
}

// As a debugger does, or libdw itself.
TEST(SourceLines, StandAlsoWhereTheSameFileIsMappedBesideThePlugin) {
  const auto trace = TraceOfTheThrow();
  ASSERT_FALSE(trace.empty());
  const auto* const code = static_cast<const char*>(trace.front()) - 1;
  Dl_info plugin;
  ASSERT_NE(dladdr(code, &plugin), 0);
  const int file = open(plugin.dli_fname, O_RDONLY | O_CLOEXEC);
  ASSERT_NE(file, -1);
  constexpr size_t kPage = 4096;
  void* const beside =
      mmap(static_cast<char*>(plugin.dli_fbase) - kPage, kPage, PROT_READ,
           MAP_PRIVATE | MAP_FIXED_NOREPLACE, file, 0);
  close(file);
  if (beside == MAP_FAILED) GTEST_SKIP() << "something else lies there";
  int local = 0;
  EXPECT_THAT(FindSource(&local), IsEmpty());  // looks for new modules
  EXPECT_FALSE(FindSource(code).empty());
  munmap(beside, kPage);
}

TEST(SourceLines, OfAnAddressAreTheSameEachTime) {
  const auto trace = TraceOfTheThrow();
  ASSERT_FALSE(trace.empty());
  // In the call: the frame has where that returns to.
  const auto* const code = static_cast<const char*>(trace.front()) - 1;
  const auto first = FindSource(code);
  ASSERT_FALSE(first.empty());
  const auto second = FindSource(code);
  ASSERT_EQ(first.size(), second.size());
  EXPECT_EQ(first[0].function, second[0].function);
  EXPECT_EQ(first[0].line, second[0].line);
}

}  // namespace
}  // namespace asyncpal::internal

#include "asyncpal/ipc/errors/throw_trace.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/debugging/symbolize.h"
#include "absl/strings/str_cat.h"

// How it works
//
// A throw is two calls to the C++ runtime: __cxa_allocate_exception() for the
// object, then __cxa_throw(). Both are defined here, and go on to the next
// definition in the order of the dynamic linker: the runtime's, or first that
// of a sanitizer. The executable comes first in that order, so calls from
// shared libraries, the C++ runtime's own among them, arrive here too.
//
// With the runtime in the program itself (-static, -static-libstdc++), that
// definition is the program's only one: ours are weak, and give way to it.
// There the linker's --wrap, with which this library is linked, brings the
// program's calls here by other names.
//
// A trace belongs to the address of the exception object. To allocate one
// forgets what was at its address before: an object that is never thrown, such
// as that of std::make_exception_ptr(), must not get the stack of a dead one.

extern "C" {

[[noreturn]] void asyncpal_cxa_throw(void* object, void* type,
                                     void (*destructor)(void*));
void* asyncpal_cxa_allocate_exception(size_t size) noexcept;

// What the linker calls the program's own definitions if it wraps them.
void __real___cxa_throw(void* object, void* type, void (*destructor)(void*))
    __attribute__((weak));
void* __real___cxa_allocate_exception(size_t size) noexcept
    __attribute__((weak));

}  // extern "C"

namespace asyncpal::internal {
namespace {

constexpr size_t kMaxTraces = 256;
constexpr int kMaxFrames = 64;
constexpr int kMaxOwnFrames = 4;
constexpr size_t kMaxTextBytes = 64 * 1024;

std::atomic<bool> enabled{false};

// A lock that gives up: no throw should wait for long.
class Lock {
 public:
  bool TryLock() {
    for (int attempt = 0; attempt < 200; ++attempt) {
      if (!locked_.test_and_set(std::memory_order_acquire)) return true;
      // Held for less than a microsecond, unless its holder was preempted.
      if (attempt >= 100) sched_yield();
    }
    return false;
  }
  void Unlock() { locked_.clear(std::memory_order_release); }

 private:
  std::atomic_flag locked_;
};

struct Trace {
  const void* object;
  int frame_count;
  void* frames[kMaxFrames];
};

// All of it is guarded by `table_lock`.
constinit Lock table_lock;
constinit Trace table[kMaxTraces] = {};
constinit size_t next_trace = 0;

void Forget(const void* object) {
  if (!table_lock.TryLock()) return;
  for (Trace& trace : table) {
    if (trace.object == object) trace.object = nullptr;
  }
  table_lock.Unlock();
}

// What another thread held at the time of a fork() stays locked in the child,
// and may be half written.
void ResetInForkedChild() {
  for (Trace& trace : table) trace.object = nullptr;
  table_lock.Unlock();
}

// `caller` is where the throw will return to, in the frame that throws.
[[gnu::noinline]] void Record(const void* object, const void* caller) {
  void* stack[kMaxFrames + kMaxOwnFrames];
  const int depth = backtrace(stack, kMaxFrames + kMaxOwnFrames);
  void** const end = stack + std::max(depth, 0);
  void** first = std::find(stack, std::min(end, stack + kMaxOwnFrames), caller);
  if (first == stack + kMaxOwnFrames) first = stack;
  const int count =
      static_cast<int>(std::min<ptrdiff_t>(end - first, kMaxFrames));
  if (!table_lock.TryLock()) return;
  Trace* trace = nullptr;
  for (Trace& known : table) {
    if (known.object == object) trace = &known;
  }
  if (trace == nullptr) {
    trace = &table[next_trace];
    next_trace = (next_trace + 1) % kMaxTraces;
  }
  trace->object = object;
  trace->frame_count = count;
  std::copy(first, first + count, trace->frames);
  table_lock.Unlock();
}

// The second is a std::type_info, but GCC knows the function as this.
using ThrowFunction = void (*)(void*, void*, void (*)(void*));
using AllocateFunction = void* (*)(size_t);

// The runtime's definition of `name`, looked up once: dlsym() may allocate.
// `linked` is the one that this program has by that name, null if the linker
// did not wrap it, and `ours` the one in this file. Null: there is none, since
// ours has given way to it and is not called.
template <typename Function>
Function Next(std::atomic<Function>& known, const char* name, Function linked,
              Function ours) {
  Function function = known.load(std::memory_order_acquire);
  if (function == nullptr) {
    // To the compiler, two names are two functions.
    asm("" : "+r"(linked));
    function = linked != nullptr && linked != ours
                   ? linked
                   : reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
    known.store(function, std::memory_order_release);
  }
  return function;
}

constinit std::atomic<ThrowFunction> known_throw{nullptr};
constinit std::atomic<AllocateFunction> known_allocate{nullptr};

ThrowFunction NextThrow() {
  return Next<ThrowFunction>(known_throw, "__cxa_throw", &__real___cxa_throw,
                             &asyncpal_cxa_throw);
}
AllocateFunction NextAllocate() {
  return Next<AllocateFunction>(known_allocate, "__cxa_allocate_exception",
                                &__real___cxa_allocate_exception,
                                &asyncpal_cxa_allocate_exception);
}

// Not left to the first throw, which may well be that of a std::bad_alloc.
[[maybe_unused]] const bool looked_up = (NextThrow(), NextAllocate(), true);

constinit std::atomic<std::vector<SourceFrame> (*)(const void*)> source_finder{
    nullptr};

std::string_view Basename(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string ExecutableName() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  return size > 0 ? std::string(Basename({path, static_cast<size_t>(size)}))
                  : program_invocation_short_name;
}

// "primes+0x1a2b", by the addresses that the module's file has.
std::string ModuleAndOffset(const void* address) {
  Dl_info info;
  link_map* map = nullptr;
  if (dladdr1(address, &info, reinterpret_cast<void**>(&map),
              RTLD_DL_LINKMAP) == 0 ||
      map == nullptr) {
    return absl::StrCat("0x", absl::Hex(reinterpret_cast<uintptr_t>(address)));
  }
  // The executable's own entry has no name, and its file name is argv[0].
  const bool is_executable = map->l_name == nullptr || *map->l_name == '\0';
  return absl::StrCat(
      is_executable ? ExecutableName() : std::string(Basename(map->l_name)),
      "+0x", absl::Hex(reinterpret_cast<uintptr_t>(address) - map->l_addr));
}

// One line, or several where functions were inlined.
std::string DescribeFrame(const void* call, std::string_view function) {
  std::vector<SourceFrame> sources;
  if (const auto finder = source_finder.load(std::memory_order_relaxed)) {
    sources = finder(call);
  }
  if (sources.empty()) sources.push_back({.function = std::string(function)});
  // Where the debug information has no more than a word, the symbol may have
  // more.
  std::string& outermost = sources.back().function;
  if (function != "??" && outermost.find('(') == std::string::npos) {
    outermost = function;
  }
  std::string text;
  for (const SourceFrame& source : sources) {
    absl::StrAppend(&text, "    at ", source.function);
    if (!source.file.empty()) {
      absl::StrAppend(&text, " ", source.file, ":", source.line);
    }
    const bool is_inlined = &source != &sources.back();
    absl::StrAppend(&text, " (", is_inlined ? "inlined" : ModuleAndOffset(call),
                    ")\n");
  }
  return text;
}

// What calls main() or a thread's function, and is the same for everyone.
bool IsBelowUserCode(std::string_view function) {
  return function == "__libc_start_call_main" || function == "start_thread" ||
         function == "clone" || function == "clone3" || function == "_start";
}

}  // namespace

void EnableThrowTraces() {
  // The first call loads the unwinder.
  void* frame;
  backtrace(&frame, 1);
  static std::once_flag once;
  std::call_once(once,
                 [] { pthread_atfork(nullptr, nullptr, &ResetInForkedChild); });
  enabled.store(true, std::memory_order_relaxed);
}

std::vector<void*> ThrowTraceOf(const std::exception_ptr& error) {
#ifdef __GLIBCXX__
  static_assert(sizeof(error) == sizeof(void*));
  const void* object;
  std::memcpy(&object, &error, sizeof(object));
  if (object == nullptr) return {};
  std::vector<void*> frames;
  frames.reserve(kMaxFrames);
  if (!table_lock.TryLock()) return {};
  for (const Trace& trace : table) {
    if (trace.object != object) continue;
    frames.assign(trace.frames, trace.frames + trace.frame_count);
    break;
  }
  table_lock.Unlock();
  return frames;
#else
  return {};
#endif
}

void SetSourceFinder(std::vector<SourceFrame> (*finder)(const void*)) {
  source_finder.store(finder, std::memory_order_relaxed);
}

std::string SymbolizeTrace(const std::vector<void*>& frames) {
  static std::once_flag once;
  std::call_once(once, [] { absl::InitializeSymbolizer("/proc/self/exe"); });
  std::string text;
  for (void* const frame : frames) {
    // A frame's address is that of the instruction after the call.
    const char* const call = static_cast<const char*>(frame) - 1;
    char function[1024];
    const bool found = absl::Symbolize(call, function, sizeof(function));
    if (found && IsBelowUserCode(function)) break;
    const std::string line = DescribeFrame(call, found ? function : "??");
    if (text.size() + line.size() > kMaxTextBytes) break;
    text += line;
    if (found && std::string_view(function) == "main") break;
  }
  return text;
}

}  // namespace asyncpal::internal

extern "C" {

[[noreturn]] void asyncpal_cxa_throw(void* object, void* type,
                                     void (*destructor)(void*)) {
  namespace internal = asyncpal::internal;
  if (internal::enabled.load(std::memory_order_relaxed)) {
    internal::Record(object, __builtin_return_address(0));
  }
  internal::NextThrow()(object, type, destructor);
  __builtin_unreachable();
}

void* asyncpal_cxa_allocate_exception(size_t size) noexcept {
  namespace internal = asyncpal::internal;
  void* const object = internal::NextAllocate()(size);
  if (internal::enabled.load(std::memory_order_relaxed)) {
    internal::Forget(object);
  }
  return object;
}

[[noreturn]] void __cxa_throw(void* object, void* type,
                              void (*destructor)(void*))
    __attribute__((weak, alias("asyncpal_cxa_throw")));
[[noreturn]] void __wrap___cxa_throw(void* object, void* type,
                                     void (*destructor)(void*))
    __attribute__((alias("asyncpal_cxa_throw")));
void* __cxa_allocate_exception(size_t size) noexcept
    __attribute__((weak, alias("asyncpal_cxa_allocate_exception")));
void* __wrap___cxa_allocate_exception(size_t size) noexcept
    __attribute__((alias("asyncpal_cxa_allocate_exception")));

}  // extern "C"

#include <stdexcept>

// What source_lines_test looks at: compiled with debug information, which the
// test itself is linked without.

namespace plugin {

[[gnu::always_inline]] inline void ThrowInlined(int number) {
  if (number > 0) throw std::runtime_error("inlined");
}
constexpr int kThrowLine = __LINE__ - 2;

[[gnu::noinline]] void CallWhatIsInlined(int number) {
  ThrowInlined(number);
  asm volatile("");
}
constexpr int kCallLine = __LINE__ - 3;

}  // namespace plugin

extern "C" {

int throw_line = plugin::kThrowLine;
int call_line = plugin::kCallLine;
void (*call_what_is_inlined)(int) = &plugin::CallWhatIsInlined;

}  // extern "C"

#include <string>

std::string Join(const char* a, const char* b);

extern "C" int Length(const char* a, const char* b) {
  return static_cast<int>(Join(a, b).size());
}

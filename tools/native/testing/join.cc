#include <string>

#include "absl/strings/str_cat.h"

std::string Join(const char* a, const char* b) { return absl::StrCat(a, b); }

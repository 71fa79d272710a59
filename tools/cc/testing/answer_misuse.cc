#include "asyncpal/tools/cc/testing/answer.h"

int main() {
  static_assert(Answer<int>() == 42);
#ifdef SMALL_ANSWER
  Answer<char>();
#endif
#ifdef UNUSED_ANSWER
  int answer = Answer<int>();  // warnings are errors here
#endif
}

#ifndef ASYNCPAL_TOOLS_CC_TESTING_ANSWER_H_
#define ASYNCPAL_TOOLS_CC_TESTING_ANSWER_H_

template <typename T>
constexpr T Answer() {
  static_assert(sizeof(T) >= sizeof(int), "an answer needs an int at least");
  return T{42};
}

#endif  // ASYNCPAL_TOOLS_CC_TESTING_ANSWER_H_

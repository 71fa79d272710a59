#ifndef ASYNCPAL_TOOLS_SWIG_TESTING_COUNTER_H_
#define ASYNCPAL_TOOLS_SWIG_TESTING_COUNTER_H_

// What the test of the SWIG rules brings to other languages.
class Counter {
 public:
  void Add(int n) { sum_ += n; }
  int sum() const { return sum_; }

 private:
  int sum_ = 0;
};

#endif  // ASYNCPAL_TOOLS_SWIG_TESTING_COUNTER_H_

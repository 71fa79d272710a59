#ifndef ASYNCPAL_POOL_TESTING_STACK_SIZE_H_
#define ASYNCPAL_POOL_TESTING_STACK_SIZE_H_

#include <pthread.h>

#include <cstddef>

namespace asyncpal::testing {

// In bytes; 0: the system does not say.
inline size_t StackSizeOfThisThread() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
  void* address = nullptr;
  size_t size = 0;
  pthread_attr_getstack(&attributes, &address, &size);
  pthread_attr_destroy(&attributes);
  return size;
}

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_STACK_SIZE_H_

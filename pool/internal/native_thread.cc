#include "asyncpal/pool/internal/native_thread.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <system_error>

namespace asyncpal::internal {
namespace {

using Main = absl::AnyInvocable<void()>;

extern "C" void* RunMain(void* argument) {
  const std::unique_ptr<Main> main(static_cast<Main*>(argument));
  (*main)();
  return nullptr;
}

// A whole number of pages that is enough for a thread.
size_t Adjusted(size_t stack_size) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const long least = sysconf(_SC_THREAD_STACK_MIN);
  // Beyond what the system itself needs: the first frames, and signal handlers.
  constexpr size_t kRoom = size_t{16} << 10;
  const size_t size =
      std::max(stack_size, static_cast<size_t>(std::max(least, 0L)) + kRoom);
  return (size + page - 1) / page * page;
}

class Attributes {
 public:
  Attributes() { pthread_attr_init(&attributes_); }
  ~Attributes() { pthread_attr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  pthread_attr_t* get() { return &attributes_; }

 private:
  pthread_attr_t attributes_;
};

}  // namespace

NativeThread::NativeThread(size_t stack_size, Main main) {
  auto argument = std::make_unique<Main>(std::move(main));
  Attributes attributes;
  int error = 0;
  if (stack_size != 0) {
    error = pthread_attr_setstacksize(attributes.get(), Adjusted(stack_size));
  }
  if (error == 0) {
    error =
        pthread_create(&thread_, attributes.get(), &RunMain, argument.get());
  }
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "can't start a thread");
  }
  static_cast<void>(argument.release());  // RunMain() has it
  joinable_ = true;
}

NativeThread::~NativeThread() {
  if (joinable_) std::terminate();
}

void NativeThread::Join() {
  pthread_join(thread_, nullptr);
  joinable_ = false;
}

void NativeThread::Detach() {
  pthread_detach(thread_);
  joinable_ = false;
}

}  // namespace asyncpal::internal

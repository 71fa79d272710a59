#include "asyncpal/bindings/swig/csharp/clr_support.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "asyncpal/bindings/facade/hosted_worker.h"
#include "asyncpal/bindings/facade/library.h"

namespace asyncpal::swig {
namespace {

void (*failure_function)(facade::Failure*) = nullptr;

class CallbackProcessHost final : public facade::ProcessHost {
 public:
  CallbackProcessHost(void* self, const ProcessPoolCallbacks& callbacks)
      : self_(self), callbacks_(callbacks) {}
  ~CallbackProcessHost() override { callbacks_.free(self_); }

  void Complete(int64_t task, const facade::Bytes& result) override {
    callbacks_.complete(self_, task, result.data(),
                        static_cast<int64_t>(result.size()));
  }
  void Fail(int64_t task, const facade::Failure& failure) override {
    callbacks_.fail(self_, task, &failure);
  }
  void Drop(int64_t task, const facade::Failure& why) override {
    callbacks_.drop(self_, task, &why);
  }
  void LoseCalls(int64_t task, const facade::Bytes& results, int64_t rest,
                 const facade::Failure& failure) override {
    callbacks_.lose_calls(self_, task, results.data(),
                          static_cast<int64_t>(results.size()), rest, &failure);
  }
  void Joined(int64_t join) override { callbacks_.joined(self_, join); }
  void Terminated() override { callbacks_.terminated(self_); }

 private:
  void* const self_;
  const ProcessPoolCallbacks& callbacks_;
};

class CallbackObserver final : public facade::ObserverHost {
 public:
  CallbackObserver(void* self, const ObserverCallbacks& callbacks)
      : self_(self), callbacks_(callbacks) {}
  ~CallbackObserver() override { callbacks_.free(self_); }

  void OnSubmit(const facade::TaskReport& task) override {
    if (callbacks_.on_submit != nullptr) callbacks_.on_submit(self_, &task);
  }
  void OnStart(const facade::TaskReport& task) override {
    if (callbacks_.on_start != nullptr) callbacks_.on_start(self_, &task);
  }
  void OnDone(const facade::TaskReport& task) override {
    if (callbacks_.on_done != nullptr) callbacks_.on_done(self_, &task);
  }
  void OnWorkerStarted(const facade::WorkerInfo& worker) override {
    if (callbacks_.on_worker_started == nullptr) return;
    callbacks_.on_worker_started(self_, &worker);
  }
  void OnWorkerEnded(const facade::WorkerInfo& worker,
                     const std::string& why) override {
    if (callbacks_.on_worker_ended == nullptr) return;
    callbacks_.on_worker_ended(self_, &worker, why.data(),
                               static_cast<int32_t>(why.size()));
  }
  void OnStall(const facade::TaskReport& task,
               const std::string& stack) override {
    if (callbacks_.on_stall == nullptr) return;
    callbacks_.on_stall(self_, &task, stack.data(),
                        static_cast<int32_t>(stack.size()));
  }

 private:
  void* const self_;
  const ObserverCallbacks& callbacks_;
};

class CallbackClock final : public facade::ClockHost {
 public:
  CallbackClock(void* self, const ClockCallbacks& callbacks)
      : self_(self), callbacks_(callbacks) {}
  ~CallbackClock() override { callbacks_.free(self_); }

  int64_t Now() override { return callbacks_.now(self_); }
  int64_t MakeTimer(int64_t timer) override {
    return callbacks_.make_timer(self_, timer);
  }
  void SetTimer(int64_t timer, int64_t time) override {
    callbacks_.set_timer(self_, timer, time);
  }
  void EndTimer(int64_t timer) override { callbacks_.end_timer(self_, timer); }

 private:
  void* const self_;
  const ClockCallbacks& callbacks_;
};

class CallbackLogHost final : public facade::LogHost {
 public:
  using WriteFunction = void (*)(int32_t, const char*, int32_t);

  explicit CallbackLogHost(WriteFunction write) : write_(write) {}

  void Write(int severity, const std::string& message) override {
    write_(severity, message.data(), static_cast<int32_t>(message.size()));
  }

 private:
  const WriteFunction write_;
};

class CallbackPoolLog final : public facade::LogHost {
 public:
  CallbackPoolLog(void* self, const LogCallbacks& callbacks)
      : self_(self), callbacks_(callbacks) {}
  ~CallbackPoolLog() override { callbacks_.free(self_); }

  void Write(int severity, const std::string& message) override {
    callbacks_.write(self_, severity, message.data(),
                     static_cast<int32_t>(message.size()));
  }

 private:
  void* const self_;
  const LogCallbacks& callbacks_;
};

class CallbackWorkerHost final : public facade::WorkerHost {
 public:
  using ServeFunction = void* (*)(const char*, int64_t, facade::Failure*);

  explicit CallbackWorkerHost(ServeFunction serve) : serve_(serve) {}

  facade::Bytes Serve(const facade::Bytes& call,
                      facade::Failure& failure) override {
    void* const result =
        serve_(call.data(), static_cast<int64_t>(call.size()), &failure);
    return result == nullptr ? facade::Bytes() : TakeBlock(result);
  }

 private:
  const ServeFunction serve_;
};

class CallbackHost final : public facade::Host {
 public:
  CallbackHost(void* self, const ThreadPoolCallbacks& callbacks)
      : self_(self), callbacks_(callbacks) {}
  ~CallbackHost() override { callbacks_.free(self_); }

  void BeginWorker(const std::string& name, facade::Failure& failure) override {
    callbacks_.begin_worker(self_, name.data(),
                            static_cast<int32_t>(name.size()), &failure);
  }
  void EndWorker(facade::Failure& failure) override {
    callbacks_.end_worker(self_, &failure);
  }
  bool Run(int64_t task) override { return callbacks_.run(self_, task) != 0; }
  bool Drop(int64_t task, const facade::Failure& why) override {
    return callbacks_.drop(self_, task, &why) != 0;
  }
  void Expire(int64_t task, const facade::Failure& why) override {
    callbacks_.expire(self_, task, &why);
  }
  void Broken(const facade::Failure& why) override {
    callbacks_.broken(self_, &why);
  }
  void Joined(int64_t join) override { callbacks_.joined(self_, join); }
  void Terminated() override { callbacks_.terminated(self_); }

 private:
  void* const self_;
  const ThreadPoolCallbacks& callbacks_;
};

}  // namespace

void* ToBlock(const std::string& bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  auto* const block =
      static_cast<char*>(std::malloc(sizeof(size) + bytes.size()));
  if (block == nullptr) throw std::bad_alloc();
  std::memcpy(block, &size, sizeof(size));
  std::memcpy(block + sizeof(size), bytes.data(), bytes.size());
  return block;
}

std::string TakeBlock(void* block) {
  const std::unique_ptr<void, decltype(&std::free)> owned(block, &std::free);
  int64_t size;
  std::memcpy(&size, block, sizeof(size));
  return std::string(static_cast<const char*>(block) + sizeof(size),
                     static_cast<size_t>(size));
}

void SetPendingFailure(const std::exception_ptr& error) {
  failure_function(new facade::Failure(facade::DescribeFailure(error)));
}

facade::ThreadPool* NewThreadPool(void* self, const void* callbacks,
                                  const facade::NativePoolOptions& settings) {
  auto host = std::make_unique<CallbackHost>(
      self, *static_cast<const ThreadPoolCallbacks*>(callbacks));
  return new facade::ThreadPool(host.release(), settings);
}

facade::ProcessPool* NewProcessPool(
    void* self, const void* callbacks,
    const facade::NativeProcessPoolOptions& settings) {
  auto host = std::make_unique<CallbackProcessHost>(
      self, *static_cast<const ProcessPoolCallbacks*>(callbacks));
  return new facade::ProcessPool(host.release(), settings);
}

void ObserveBy(facade::NativePoolOptions& settings, void* self,
               const void* callbacks) {
  auto host = std::make_unique<CallbackObserver>(
      self, *static_cast<const ObserverCallbacks*>(callbacks));
  facade::SetObserver(settings, host.release());
}

void MeasureBy(facade::NativePoolOptions& settings, void* self,
               const void* callbacks) {
  auto host = std::make_unique<CallbackClock>(
      self, *static_cast<const ClockCallbacks*>(callbacks));
  facade::SetClock(settings, host.release());
}

void LogBy(facade::NativePoolOptions& settings, void* self,
           const void* callbacks) {
  auto host = std::make_unique<CallbackPoolLog>(
      self, *static_cast<const LogCallbacks*>(callbacks));
  facade::SetPoolLog(settings, host.release());
}

void RunTimer(int64_t timer) { facade::RunTimer(timer); }

void ServeAsWorker(void* serve) {
  facade::HostedWorker::Serve(new CallbackWorkerHost(
      reinterpret_cast<CallbackWorkerHost::ServeFunction>(serve)));
}

}  // namespace asyncpal::swig

void AsyncpalRegisterFailureFunction(
    void (*function)(asyncpal::facade::Failure* failure)) {
  asyncpal::swig::failure_function = function;
}

void AsyncpalRegisterLogFunction(void (*function)(int32_t severity,
                                                  const char* message,
                                                  int32_t size)) {
  asyncpal::facade::Library::SetLogHost(
      new asyncpal::swig::CallbackLogHost(function));
}

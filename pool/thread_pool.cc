#include "asyncpal/pool/thread_pool.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/thread_core.h"

namespace asyncpal {
namespace {

std::shared_ptr<internal::PoolCore> MakeCore(PoolOptions options,
                                             const char* class_name) {
  internal::CheckPoolOptions(options, class_name);
  return internal::ThreadCore::Make(std::move(options),
                                    &internal::ShutdownRegistry::Global());
}

PoolOptions WithFixedSize(PoolOptions options, int max_workers,
                          const char* class_name) {
  options.max_workers =
      internal::FixedSize(options.max_workers, max_workers, class_name);
  return options;
}

}  // namespace

ThreadPool::ThreadPool(PoolOptions options)
    : Pool(MakeCore(std::move(options), "ThreadPool")) {}

ThreadPool::ThreadPool(int max_workers)
    : ThreadPool(PoolOptions{.max_workers = max_workers}) {}

ThreadPool::ThreadPool(PoolOptions options, int max_workers,
                       const char* class_name)
    : Pool(MakeCore(WithFixedSize(std::move(options), max_workers, class_name),
                    class_name)) {
  FixSize(class_name);
}

ThreadPool::~ThreadPool() = default;

}  // namespace asyncpal

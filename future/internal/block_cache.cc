#include "asyncpal/future/internal/block_cache.h"

#include <new>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/mutex.h"

// How it works. Free blocks are linked through themselves. A thread has two
// lists for each size: it allocates from and frees to the first, and when that
// grows past kBatch, or runs dry, swaps in the second, so that alternating
// between one and none never leaves the thread. Only a full second list goes to
// the shared depot, and only a dry one comes from there, kBatch blocks under
// one lock.

namespace asyncpal::internal {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCaching = false;  // a sanitizer must see every free
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kCaching = false;
#else
constexpr bool kCaching = true;
#endif
#else
constexpr bool kCaching = true;
#endif

constexpr size_t kGranule = 16;
constexpr size_t kMaxSize = 256;
constexpr size_t kClasses = kMaxSize / kGranule + 1;
constexpr int kBatch = 32;
constexpr size_t kMaxBatches = 2048;  // kept of one size: 64 Ki blocks

struct Block {
  Block* next;
};

struct List {
  Block* head = nullptr;
  int size = 0;

  void Push(Block* block) {
    block->next = head;
    head = block;
    ++size;
  }
  Block* Pop() {
    Block* const block = head;
    head = block->next;
    --size;
    return block;
  }
};

// Full batches of one size that no thread needs now.
class Depot {
 public:
  // Takes `batch`, unless it has enough or no memory to note it.
  bool Put(Block* batch) noexcept {
    MutexLock lock(mu_);
    if (batches_.size() == kMaxBatches) return false;
    try {
      batches_.push_back(batch);
      return true;
    } catch (...) {
      return false;
    }
  }
  Block* Get() {
    MutexLock lock(mu_);
    if (batches_.empty()) return nullptr;
    Block* const batch = batches_.back();
    batches_.pop_back();
    return batch;
  }

 private:
  Mutex mu_;
  std::vector<Block*> batches_ ABSL_GUARDED_BY(mu_);
};

// Never destroyed: futures may die after static objects.
Depot& DepotOf(size_t size_class) {
  static auto* const depots = new Depot[kClasses];
  return depots[size_class];
}

// One thread's blocks of one size.
struct Shelf {
  List active;
  List spare;  // empty or full
};

struct ThreadCache {
  Shelf shelves[kClasses];
};

enum class Life : char { kUnborn, kAlive, kOver };
constinit thread_local ThreadCache cache;
constinit thread_local Life life = Life::kUnborn;

void FreeAll(List& list) {
  while (list.size > 0) ::operator delete(list.Pop());
}

// Gives a thread's blocks away when it ends. What is freed on it after that,
// by other destructors, is not cached.
struct Undertaker {
  Undertaker() { life = Life::kAlive; }
  ~Undertaker() {
    life = Life::kOver;
    for (size_t i = 0; i < kClasses; ++i) {
      Shelf& shelf = cache.shelves[i];
      FreeAll(shelf.active);
      if (shelf.spare.size > 0 && !DepotOf(i).Put(shelf.spare.head)) {
        FreeAll(shelf.spare);
      }
    }
  }
};

bool CacheIsOpen() {
  if (life == Life::kAlive) [[likely]]
    return true;
  if (life == Life::kOver) return false;
  static thread_local Undertaker undertaker;
  (void)undertaker;
  return true;
}

size_t ClassOf(size_t size) { return (size + kGranule - 1) / kGranule; }

bool Refill(Shelf& shelf, size_t size_class) {
  if (shelf.spare.size > 0) {
    std::swap(shelf.active, shelf.spare);
    return true;
  }
  Block* const batch = DepotOf(size_class).Get();
  if (batch == nullptr) return false;
  shelf.active = {batch, kBatch};
  return true;
}

}  // namespace

void* AllocateBlock(size_t size) {
  if (!kCaching || size > kMaxSize) return ::operator new(size);
  const size_t size_class = ClassOf(size);
  if (CacheIsOpen()) {
    Shelf& shelf = cache.shelves[size_class];
    if (shelf.active.size > 0 || Refill(shelf, size_class)) {
      return shelf.active.Pop();
    }
  }
  // As large as its class allows, on a thread at its end, too: another may come
  // to keep the block.
  return ::operator new(size_class* kGranule);
}

void FreeBlock(void* block, size_t size) noexcept {
  if (!kCaching || size > kMaxSize || !CacheIsOpen()) {
    ::operator delete(block);
    return;
  }
  const size_t size_class = ClassOf(size);
  Shelf& shelf = cache.shelves[size_class];
  if (shelf.active.size == kBatch) {
    if (shelf.spare.size > 0 && !DepotOf(size_class).Put(shelf.spare.head)) {
      FreeAll(shelf.spare);
    }
    shelf.spare = shelf.active;
    shelf.active = {};
  }
  shelf.active.Push(static_cast<Block*>(block));
}

}  // namespace asyncpal::internal

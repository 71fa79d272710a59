#include "asyncpal/future/internal/block_cache.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/sanitizers.h"

// How it works. Blocks of one size lie next to each other in slabs, without a
// word of an allocator's between them. Free blocks are linked through
// themselves. A thread has two lists for each size: it allocates from and frees
// to the first, and when that grows past kBatch, or runs dry, swaps in the
// second, so that alternating between one and none never leaves the thread.
// Only a full second list goes to the shared depot, and only a dry one comes
// from there, kBatch blocks under one lock: those that others have freed, else
// new ones from a slab that nobody but this thread takes new ones from.
//
// The depot keeps some megabytes of full lists. What is beyond that goes back
// to its slabs, and a slab to which all its blocks have come back is freed.

namespace asyncpal::internal {
namespace {

// A sanitizer must see every free.
constexpr bool kCaching = !ASYNCPAL_ASAN && !ASYNCPAL_TSAN;

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

// The head of some memory for blocks of one size, guarded by their depot's
// lock. It starts at an address from which each of its blocks finds it.
struct alignas(64) Slab {
  static constexpr size_t kAlignment = 32 * 1024;
  // With what malloc() keeps beside it, slabs lie one behind the other.
  static constexpr size_t kBytes = kAlignment - 64;

  // Throws std::bad_alloc.
  static Slab* Make() {
    void* const memory = std::aligned_alloc(kAlignment, kBytes);
    if (memory == nullptr) throw std::bad_alloc();
    return new (memory) Slab;
  }
  static void Free(Slab* slab) { std::free(slab); }
  static Slab& Of(const Block* block) {
    return *reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(block) &
                                    ~(kAlignment - 1));
  }

  bool HasRoom(size_t block_size) const {
    return sizeof(Slab) + (made + 1) * block_size <= kBytes;
  }
  Block* MakeBlock(size_t block_size) {
    auto* const memory =
        reinterpret_cast<std::byte*>(this) + sizeof(Slab) + made++ * block_size;
    return new (memory) Block;
  }

  List free;              // what came back
  size_t made = 0;        // how many blocks were ever in use
  bool is_owned = false;  // a thread takes new blocks from it
  // In the depot's list of those that can give some.
  bool is_linked = false;
  Slab* before = nullptr;
  Slab* after = nullptr;
};

// What no thread has of the blocks of one size.
//
// Threads: any. Lifetime: owns the slabs. Errors: Get() and GetOne() throw
// std::bad_alloc. Shutdown: none.
class Depot {
 public:
  explicit Depot(size_t block_size) : block_size_(block_size) {}

  // Some blocks. `own`: the slab from which this thread takes new ones, or
  // null.
  List Get(Slab** own) {
    MutexLock lock(mu_);
    if (!batches_.empty()) {
      Block* const batch = batches_.back();
      batches_.pop_back();
      return {batch, kBatch};
    }
    List list;
    if (linked_ != nullptr) {
      Slab& slab = *linked_;
      while (slab.free.size > 0 && list.size < kBatch) {
        list.Push(slab.free.Pop());
      }
      if (list.size == 0 && NeedsSlab(*own)) Own(own, &slab);
      LinkIfUseful(slab);
      if (list.size > 0) return list;
    }
    if (NeedsSlab(*own)) Own(own, Slab::Make());
    Block* blocks[kBatch];
    int n = 0;
    while (n < kBatch && (*own)->HasRoom(block_size_)) {
      blocks[n++] = (*own)->MakeBlock(block_size_);
    }
    while (n > 0) list.Push(blocks[--n]);  // the first is to be used first
    return list;
  }
  // Takes a full list.
  void Put(List batch) noexcept {
    MutexLock lock(mu_);
    if (batches_.size() < kMaxBatches && Keep(batch.head)) return;
    while (batch.size > 0) TakeBack(batch.Pop());
  }

  // The same for threads at their end.
  void* GetOne() {
    Slab* own = nullptr;
    List list = Get(&own);
    Block* const block = list.Pop();
    Leave(own, list);
    return block;
  }
  void Leave(Slab* own, List list) noexcept {
    MutexLock lock(mu_);
    while (list.size > 0) TakeBack(list.Pop());
    Own(&own, nullptr);
  }

 private:
  bool NeedsSlab(const Slab* own) const {
    return own == nullptr || !own->HasRoom(block_size_);
  }
  bool Keep(Block* batch) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    try {
      batches_.push_back(batch);
      return true;
    } catch (...) {
      return false;
    }
  }
  void TakeBack(Block* block) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Slab& slab = Slab::Of(block);
    slab.free.Push(block);
    LinkIfUseful(slab);
  }
  void Own(Slab** own, Slab* next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Slab* const old = std::exchange(*own, next);
    if (next != nullptr) next->is_owned = true;
    if (old == nullptr) return;
    old->is_owned = false;
    LinkIfUseful(*old);
  }
  // The slab has changed: frees it if nothing of it is in use.
  void LinkIfUseful(Slab& slab) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const bool is_unused =
        !slab.is_owned && static_cast<size_t>(slab.free.size) == slab.made;
    const bool is_useful =
        !is_unused &&
        (slab.free.size > 0 || (!slab.is_owned && slab.HasRoom(block_size_)));
    if (is_useful != slab.is_linked) {
      is_useful ? Link(slab) : Unlink(slab);
    }
    if (is_unused) Slab::Free(&slab);
  }
  void Link(Slab& slab) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    slab.is_linked = true;
    slab.before = nullptr;
    slab.after = std::exchange(linked_, &slab);
    if (slab.after != nullptr) slab.after->before = &slab;
  }
  void Unlink(Slab& slab) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    slab.is_linked = false;
    (slab.before != nullptr ? slab.before->after : linked_) = slab.after;
    if (slab.after != nullptr) slab.after->before = slab.before;
  }

  const size_t block_size_;
  Mutex mu_;
  std::vector<Block*> batches_ ABSL_GUARDED_BY(mu_);  // of kBatch each
  Slab* linked_ ABSL_GUARDED_BY(mu_) = nullptr;
};

// Never destroyed: futures may die after static objects.
Depot& DepotOf(size_t size_class) {
  static auto* const depots = [] {
    auto* const all = new std::vector<Depot*>;
    for (size_t i = 0; i < kClasses; ++i) {
      all->push_back(new Depot(std::max<size_t>(i, 1) * kGranule));
    }
    return all;
  }();
  return *(*depots)[size_class];
}

// One thread's blocks of one size.
struct Shelf {
  List active;
  List spare;  // empty or full
  Slab* own = nullptr;
};

struct ThreadCache {
  Shelf shelves[kClasses];
};

enum class Life : char { kUnborn, kAlive, kOver };
constinit thread_local ThreadCache cache;
constinit thread_local Life life = Life::kUnborn;

// Gives a thread's blocks away when it ends. What is freed on it after that,
// by other destructors, is not cached.
struct Undertaker {
  Undertaker() { life = Life::kAlive; }
  ~Undertaker() {
    life = Life::kOver;
    for (size_t i = 0; i < kClasses; ++i) {
      Shelf& shelf = cache.shelves[i];
      if (shelf.spare.size > 0) DepotOf(i).Put(shelf.spare);
      if (shelf.active.size > 0 || shelf.own != nullptr) {
        DepotOf(i).Leave(shelf.own, shelf.active);
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

}  // namespace

void* AllocateBlock(size_t size) {
  if (!kCaching || size > kMaxSize) return ::operator new(size);
  const size_t size_class = ClassOf(size);
  if (!CacheIsOpen()) [[unlikely]]
    return DepotOf(size_class).GetOne();
  Shelf& shelf = cache.shelves[size_class];
  if (shelf.active.size == 0) {
    std::swap(shelf.active, shelf.spare);
    if (shelf.active.size == 0) [[unlikely]]
      shelf.active = DepotOf(size_class).Get(&shelf.own);
  }
  return shelf.active.Pop();
}

void FreeBlock(void* block, size_t size) noexcept {
  if (!kCaching || size > kMaxSize) {
    ::operator delete(block);
    return;
  }
  const size_t size_class = ClassOf(size);
  auto* const freed = static_cast<Block*>(block);
  if (!CacheIsOpen()) [[unlikely]] {
    List list;
    list.Push(freed);
    DepotOf(size_class).Leave(nullptr, list);
    return;
  }
  Shelf& shelf = cache.shelves[size_class];
  if (shelf.active.size == kBatch) {
    if (shelf.spare.size > 0) DepotOf(size_class).Put(shelf.spare);
    shelf.spare = shelf.active;
    shelf.active = {};
  }
  shelf.active.Push(freed);
}

}  // namespace asyncpal::internal

// What can't be sent to another process. The test compiles this once as it is,
// and once for each macro, and looks at what the compiler says.

#include <memory>
#include <string>
#include <vector>

#include "asyncpal/pool/process_pool.h"

using asyncpal::ProcessPool;
using asyncpal::Shippable;
using asyncpal::TaskName;
using asyncpal::TaskOptions;

struct Plain {
  int number;
  int Get() const { return number; }
};

int Length(const std::string& text) { return static_cast<int>(text.size()); }
int TakePlain(const Plain& plain) { return plain.number; }
int TakePlains(const std::vector<Plain>&) { return 0; }
int TakePointer(const int* pointer) { return *pointer; }
int TakeUnique(std::unique_ptr<int> pointer) { return *pointer; }
Plain MakePlain(int n) { return {n}; }

int main() {
  ProcessPool pool;
  const std::vector<int> numbers = {1, 2, 3};
  std::vector<Plain> plains = {{1}};
  int captured = 1;
  [[maybe_unused]] const auto closure = [captured](int n) {
    return n + captured;
  };

  pool.Submit(Length, "text");
  pool.Submit(TaskOptions(), Length, "text");
  pool.Run(TaskName<int(std::string)>("length"), "text");
  pool.Post([] {});
  pool.MapAll([](int n) { return -n; }, numbers);
  Shippable hook(Length, "text");

#ifdef LAMBDA_WITH_CAPTURES
  pool.Submit(closure, 1);
#endif
#ifdef LAMBDA_WITH_CAPTURES_AND_OPTIONS
  pool.Submit(TaskOptions(), closure, 1);
#endif
#ifdef LAMBDA_WITH_CAPTURES_IN_RUN
  pool.Run(closure, 1);
#endif
#ifdef LAMBDA_WITH_CAPTURES_IN_POST
  pool.Post([captured] { static_cast<void>(captured); });
#endif
#ifdef LAMBDA_WITH_CAPTURES_IN_MAP
  for (const int n : pool.Map(closure, numbers)) captured += n;
#endif
#ifdef LAMBDA_WITH_CAPTURES_IN_HOOK
  ProcessPool other(
      {.initializer = [captured] { static_cast<void>(captured); }});
#endif
#ifdef MEMBER_FUNCTION
  pool.Submit(&Plain::Get, Plain{1});
#endif
#ifdef POINTER
  pool.Submit(TakePointer, &captured);
#endif
#ifdef UNIQUE_POINTER
  pool.Submit(TakeUnique, std::make_unique<int>(1));
#endif
#ifdef TYPE_WITHOUT_CODEC
  pool.Submit(TakePlain, plains[0]);
#endif
#ifdef ELEMENTS_WITHOUT_CODEC
  pool.Submit(TakePlains, plains);
#endif
#ifdef MAP_OF_ELEMENTS_WITHOUT_CODEC
  pool.MapAll(TakePlain, plains);
#endif
#ifdef WRONG_ARGUMENT
  pool.Submit(Length, 1);
#endif
#ifdef RESULT_WITHOUT_CODEC
  pool.Submit(MakePlain, 1);
#endif
#ifdef MAP_TO_RESULTS_WITHOUT_CODEC
  pool.MapAll(MakePlain, numbers);
#endif
}

#include "asyncpal/ipc/encoding/task_registry.h"

#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>

#include "asyncpal/ipc/payload.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

void DoNothing(Decoder&, const std::stop_token&, Encoder&) {}

TEST(TaskRegistryTest, FindsAnEntryByItsAddress) {
  const TaskEntry entry(&DoNothing);

  EXPECT_EQ(FindTaskEntry(&entry), &entry);
}

TEST(TaskRegistryTest, FindsNothingBesideAnEntry) {
  const TaskEntry entry(&DoNothing);
  const auto* const bytes = reinterpret_cast<const char*>(&entry);

  EXPECT_EQ(FindTaskEntry(static_cast<const void*>(bytes + 1)), nullptr);
}

TEST(TaskRegistryTest, FindsAnEntryByItsName) {
  const TaskEntry entry(&DoNothing, false, "named");

  EXPECT_EQ(FindTaskEntry(std::string_view("named")), &entry);
}

TEST(TaskRegistryTest, FindsANamedEntryByItsAddressToo) {
  const TaskEntry entry(&DoNothing, false, "named");

  EXPECT_EQ(FindTaskEntry(&entry), &entry);
}

TEST(TaskRegistryTest, FindsNothingUnderAnUnknownName) {
  const TaskEntry entry(&DoNothing, false, "named");

  EXPECT_EQ(FindTaskEntry(std::string_view("name")), nullptr);
}

TEST(TaskRegistryTest, FindsNoEntryWithoutANameUnderTheEmptyOne) {
  const TaskEntry entry(&DoNothing);

  EXPECT_EQ(FindTaskEntry(std::string_view("")), nullptr);
}

TEST(TaskRegistryTest, ForgetsAnEntryThatIsDestroyed) {
  std::optional<TaskEntry> entry(std::in_place, &DoNothing, false, "gone");
  const void* const address = &*entry;
  entry.reset();

  EXPECT_EQ(FindTaskEntry(address), nullptr);
  EXPECT_EQ(FindTaskEntry(std::string_view("gone")), nullptr);
}

TEST(TaskRegistryTest, GivesAFreeNameToTheNext) {
  { const TaskEntry first(&DoNothing, false, "again"); }
  const TaskEntry second(&DoNothing, false, "again");

  EXPECT_EQ(FindTaskEntry(std::string_view("again")), &second);
}

TEST(TaskRegistryTest, EndsAProgramThatUsesANameTwice) {
  const TaskEntry first(&DoNothing, false, "twice");

  EXPECT_DEATH(TaskEntry(&DoNothing, false, "twice"),
               "two tasks are registered under the name 'twice'");
}

}  // namespace
}  // namespace asyncpal::internal

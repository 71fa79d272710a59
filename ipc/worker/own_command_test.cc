#include "asyncpal/ipc/worker/own_command.h"

#include <errno.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;

TEST(OwnCommand, IsTheExecutableItselfByDefault) {
  const OwnCommand own = MakeOwnCommand("worker images-1");
  EXPECT_EQ(own.program, "/proc/self/exe");
  EXPECT_THAT(own.arguments,
              ElementsAre(program_invocation_name, "worker images-1"));
}

TEST(OwnCommand, KeepsTheOptionsOfTheLoaderAndNotTheProgramsArguments) {
  const OwnCommand own = MakeLoaderCommand(
      {"/lib/ld.so", "--library-path", "lib:../lib", "./prog", "--verbose"},
      "./prog", "/opt/prog", "worker");
  EXPECT_EQ(own.program, "/proc/self/exe");
  EXPECT_THAT(own.arguments, ElementsAre("/lib/ld.so", "--library-path",
                                         "lib:../lib", "/opt/prog", "worker"));
}

TEST(OwnCommand, TakesTheProgramForTheFirstArgumentOfItsName) {
  const OwnCommand own = MakeLoaderCommand({"ld.so", "prog", "prog", "x"},
                                           "prog", "/opt/prog", "worker");
  EXPECT_THAT(own.arguments, ElementsAre("ld.so", "/opt/prog", "worker"));
}

}  // namespace
}  // namespace asyncpal::internal

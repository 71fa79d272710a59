#ifndef ASYNCPAL_POOL_TESTING_VIEW_CONTRACT_H_
#define ASYNCPAL_POOL_TESTING_VIEW_CONTRACT_H_

#include "asyncpal/pool/pool_view.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {

// What contracts of views begin with.
template <typename Traits>
class ViewContract : public ::testing::Test {
 protected:
  using Pool = typename Traits::Pool;

  // A view whose only place is taken by a task at `gate`.
  static PoolView<Pool> BusySerial(Pool& pool, Gate& gate) {
    auto view = pool.Serial("busy");
    view.Submit(PassGate, gate.path(), 0);
    EXPECT_TRUE(gate.WaitForArrivals(1));
    return view;
  }
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_VIEW_CONTRACT_H_

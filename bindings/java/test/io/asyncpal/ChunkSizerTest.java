package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** The same arithmetic as C++'s: chunk_sizer_test.cc has more. */
class ChunkSizerTest {
  private static final double COST = 1_000; // ns
  private static final OptionalLong UNKNOWN = OptionalLong.empty();

  /** A sizer that has seen chunks of items that take that long until it changed no more. */
  private static ChunkSizer settled(double nanos, int workers) {
    ChunkSizer sizer = new ChunkSizer(COST, workers);
    for (int i = 0; i < 40; i++) {
      int size = sizer.next(UNKNOWN);
      sizer.learn(size, (long) (size * nanos));
    }
    return sizer;
  }

  @Test
  void beginsWithOneItem() {
    assertEquals(1, new ChunkSizer(COST, 2).next(OptionalLong.of(1_000_000)));
    assertEquals(1, new ChunkSizer(COST, 2).next(UNKNOWN));
  }

  @Test
  void aimsAtTwentyTimesTheCostOfATask() {
    assertEquals(2000, settled(10, 2).next(UNKNOWN));
    assertEquals(20, settled(1_000, 2).next(UNKNOWN));
    assertEquals(1, settled(15_000, 2).next(UNKNOWN));
    assertEquals(1, settled(1e9, 2).next(UNKNOWN));
  }

  @Test
  void growsToDoubleAtMost() {
    ChunkSizer sizer = new ChunkSizer(COST, 2);
    for (int size = 1; size <= 32; size *= 2) {
      assertEquals(size, sizer.next(UNKNOWN));
      sizer.learn(size, 0);
    }
  }

  @Test
  void takesAThirdOfAWorkersShareOfWhatIsLeft() {
    ChunkSizer sizer = settled(1, 4);
    assertEquals(100, sizer.next(OptionalLong.of(1200)));
    assertEquals(1, sizer.next(OptionalLong.of(13)));
    assertEquals(1, sizer.next(OptionalLong.of(0)));
  }

  @Test
  void believesInSlowItemsAtOnceAndInFastOnesByHalf() {
    ChunkSizer slower = settled(10, 2);
    slower.learn(100, 100 * 1_000);
    assertEquals(20, slower.next(UNKNOWN));

    ChunkSizer faster = settled(1_000, 2);
    faster.learn(20, 20 * 10);
    int size = faster.next(UNKNOWN);
    assertTrue(size > 20 && size < 40, () -> "size is " + size);
  }

  @Test
  void sizesHaveAnEnd() {
    ChunkSizer sizer = new ChunkSizer(1e12, 1);
    sizer.learn(Integer.MAX_VALUE, 1);
    assertEquals(Integer.MAX_VALUE, sizer.next(UNKNOWN));
  }
}

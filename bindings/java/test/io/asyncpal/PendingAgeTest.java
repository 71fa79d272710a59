package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

final class PendingAgeTest {
  private final PendingAge age = new PendingAge();

  private long look(long submitted, long left, long now) {
    return age.look(submitted, left, now).toNanos();
  }

  @Test
  void isZeroWhileNoneIsPending() {
    assertEquals(0, look(0, 0, 100));
    assertEquals(0, look(5, 5, 200));
  }

  @Test
  void countsFromTheFirstLookAfterTheSubmission() {
    assertEquals(0, look(1, 0, 100));
    assertEquals(50, look(1, 0, 150));
    assertEquals(60, look(3, 0, 160));
  }

  @Test
  void nextTaskIsAsOldAsTheFirstLookThatCameAfterIt() {
    look(1, 0, 100);
    look(2, 0, 200);
    look(3, 0, 300);
    assertEquals(200, look(3, 1, 400));
    assertEquals(150, look(3, 2, 450));
    assertEquals(0, look(3, 3, 500));
    assertEquals(0, look(4, 3, 600));
  }

  @Test
  void manyLooksMakeItTooShortAtMost() {
    for (int i = 1; i <= 1000; i++) {
      assertEquals(i - 1, look(i, 0, i));
    }
    long previous = 999;
    for (int left = 1; left < 1000; left++) {
      long now = look(1000, left, 1000);
      assertTrue(now <= 1000 - (left + 1), left + " left: " + now);
      assertTrue(now <= previous);
      previous = now;
    }
  }
}

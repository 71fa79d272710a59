package io.asyncpal.tools.junit;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;

/** Tests with every kind of end, for {@link TestRunnerTest} to run. */
final class SampleTests {
  static final class Good {
    @Test
    void first() {}

    @Test
    void second() {}

    @Test
    void third() {}

    @Test
    @Disabled("to be counted")
    void skipped() {}
  }

  static final class Bad {
    @Test
    void fails() {
      fail("as it should");
    }
  }

  static final class BadFromTheStart {
    @BeforeAll
    static void fails() {
      fail("before all tests");
    }

    @Test
    void passes() {}
  }

  static final class Exiting {
    @Test
    void exits() {
      System.exit(0);
    }
  }

  static final class Endless {
    @Test
    void waits() throws InterruptedException {
      System.out.println("waiting");
      new CountDownLatch(1).await();
    }
  }
}

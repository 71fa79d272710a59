package io.asyncpal.tools.swig;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class SwigTest {
  static {
    System.loadLibrary("counter");
  }

  @Test
  void generatedClassCallsCpp() {
    Counter counter = new Counter();
    counter.Add(40);
    counter.Add(2);
    assertEquals(42, counter.sum());
    counter.delete();
  }
}

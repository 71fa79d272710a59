package io.asyncpal.tools.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class GreeterTest {
  @Test
  void greetsByName() {
    assertEquals("Hello, Ada!", new Greeter().greet("Ada"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"Ada", "Grace"})
  void greetsEveryone(String name) {
    assertEquals("Hello, " + name + "!", new Greeter().greet(name));
  }
}

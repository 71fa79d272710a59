package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.asyncpal.internal.swig.ResultKind;
import java.io.ObjectInputFilter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;

/** Tasks and results as bytes. */
class SentValuesTest {
  // ------------------------------------------------------------------ Plain values

  @Test
  void plainValueComesBackAsItWas() {
    List<Object> values =
        List.of(
            true,
            false,
            (byte) -1,
            (short) -2,
            'ä',
            -3,
            Long.MIN_VALUE,
            1.5f,
            Double.NaN,
            "",
            "latin \u00ff",
            "\u0100 and \ud83d\ude00",
            "half of a pair: \ud83d");
    for (Object value : values) {
      byte[] bytes = PlainValue.write(value);
      assertTrue(PlainValue.isOne(bytes), () -> "" + value);
      Object back = PlainValue.read(bytes);
      assertEquals(value, back);
      assertSame(value.getClass(), back.getClass());
    }
    assertNull(PlainValue.read(PlainValue.write(null)));
    byte[] array = {1, 0, -1};
    assertArrayEquals(array, (byte[]) PlainValue.read(PlainValue.write(array)));
  }

  @Test
  void whatHasCodeOfItsOwnIsNoPlainValue() {
    assertNull(PlainValue.write(List.of(1)));
    assertNull(PlainValue.write(new ArrayList<>()));
    assertNull(PlainValue.write(ResultKind.class));
  }

  @Test
  void bytesThatAreNoPlainValueAreRefused() {
    byte kind = ResultKind.kPlainResult;
    for (byte[] bytes :
        new byte[][] {
          {kind}, {kind, '?'}, {kind, 'i', 1}, {kind, 'i', 0, 0, 0, 0, 0}, {kind, '2', 1}
        }) {
      assertThrows(
          SerializationException.class, () -> PlainValue.read(bytes), Arrays.toString(bytes));
    }
    assertFalse(PlainValue.isOne(new byte[0]));
  }

  // ------------------------------------------------------------------ Filters

  private static Object read(Object value, ObjectInputFilter filter) throws Exception {
    RemoteTask<Object> task =
        new RemoteTask<>(new RemoteTask.Call("", new byte[0]), null, (bytes, reader, of) -> null);
    return new ResultReader(SentValuesTest.class.getClassLoader(), filter)
        .readResult(PlainValue.write(value), task);
  }

  @Test
  void filterDecidesOnPlainValuesToo() throws Exception {
    ObjectInputFilter noIntegers =
        ObjectInputFilter.Config.createFilter("!java.lang.Integer;maxarray=4");
    assertEquals(1L, read(1L, noIntegers));
    assertEquals("text", read("text", noIntegers));
    Throwable thrown = assertThrows(SerializationException.class, () -> read(1, noIntegers));
    assertTrue(
        thrown.getMessage().contains("resultFilter rejects java.lang.Integer"),
        thrown.getMessage());
    assertThrows(SerializationException.class, () -> read(new byte[5], noIntegers));
    assertEquals(4, ((byte[]) read(new byte[4], noIntegers)).length);
  }

  @Test
  void waiterLooksForAResultWhereTheLastOneWasPlain() throws Exception {
    RemoteTask<Object> task =
        new RemoteTask<>(new RemoteTask.Call("", new byte[0]), null, (bytes, reader, of) -> null);
    ResultReader reader = new ResultReader(SentValuesTest.class.getClassLoader(), null);
    assertTrue(reader.expectsPlain());
    byte[] other =
        Serialization.writeAfter(
            ResultKind.kOtherResult, new ArrayList<>(List.of(1)), "the result");
    assertEquals(List.of(1), reader.readResult(other, task));
    assertFalse(reader.expectsPlain());
    assertEquals(1, reader.readResult(PlainValue.write(1), task));
    assertTrue(reader.expectsPlain());
    assertFalse(new ResultReader(null, info -> null).expectsPlain(), "a filter is user code");
  }

  // ------------------------------------------------------------------ Tasks

  private static SerializableCallable<Integer> constant() {
    return () -> 1;
  }

  private static SerializableCallable<Integer> capturing(int n) {
    return () -> n;
  }

  private static byte[] write(Object task) {
    return SentTask.write(task, "the task");
  }

  @Test
  void lambdaWithoutCapturesIsWrittenAndReadOnce() throws Exception {
    byte[] bytes = write(constant());
    assertSame(bytes, write(constant()));
    SentTask.Reader reader = new SentTask.Reader();
    Object task = reader.read(bytes);
    assertEquals(1, ((Callable<?>) task).call());
    assertSame(task, reader.read(bytes.clone()));
  }

  @Test
  void lambdaWithCapturesIsAnotherEachTime() throws Exception {
    SerializableCallable<Integer> task = capturing(7);
    byte[] bytes = write(task);
    assertNotSame(bytes, write(task));
    assertEquals(8, ((Callable<?>) new SentTask.Reader().read(write(capturing(8)))).call());
    SentTask.Reader reader = new SentTask.Reader();
    Object first = reader.read(bytes);
    assertEquals(7, ((Callable<?>) first).call());
    assertNotSame(first, reader.read(bytes));
  }

  /** Its class has no fields, but objects of it are not all the same. */
  static final class Stateless implements SerializableCallable<Integer> {
    private static final long serialVersionUID = 1;

    @Override
    public Integer call() {
      return 1;
    }
  }

  @Test
  void objectOfAClassIsAnotherEachTime() {
    byte[] bytes = write(new Stateless());
    SentTask.Reader reader = new SentTask.Reader();
    assertNotSame(reader.read(bytes), reader.read(bytes));
  }

  @Test
  void readerKeepsFewTasks() throws Exception {
    List<SerializableCallable<Integer>> many =
        List.of(
            () -> 0, () -> 1, () -> 2, () -> 3, () -> 4, () -> 5, () -> 6, () -> 7, () -> 8,
            () -> 9, () -> 10, () -> 11, () -> 12, () -> 13, () -> 14, () -> 15, () -> 16,
            () -> 17, () -> 18, () -> 19);
    SentTask.Reader reader = new SentTask.Reader();
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < many.size(); i++) {
        assertEquals(i, ((Callable<?>) reader.read(write(many.get(i)))).call());
      }
    }
  }
}

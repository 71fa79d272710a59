package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** What only a process pool does. */
class ProcessPoolTest extends PoolContract {
  private static final List<String> SMALL = PoolKinds.SMALL;

  ProcessPoolTest() {
    super(PoolKinds.PROCESSES);
  }

  private ProcessPool processes(int workers) {
    return (ProcessPool) pool(workers);
  }

  private static long pid() {
    return ProcessHandle.current().pid();
  }

  private static void kill(long pid) {
    assertTrue(ProcessHandle.of(pid).orElseThrow().destroyForcibly());
  }

  @Test
  void taskRunsInAnotherJvm() throws Exception {
    ProcessPool pool = processes(1);
    long worker = pool.submit(() -> pid()).get(30, SECONDS);
    assertNotEquals(pid(), worker);
    assertEquals(worker, pool.submit(() -> pid()).get(30, SECONDS));
  }

  @Test
  void taskTakesWhatItCaptures() throws Exception {
    int[] numbers = {1, 2, 3};
    assertEquals(6, processes(1).submit(() -> Arrays.stream(numbers).sum()).get(30, SECONDS));
  }

  @Test
  void largeTaskAndResultTravel() throws Exception {
    byte[] large = new byte[3 << 20];
    Arrays.fill(large, (byte) 7);
    byte[] back = processes(1).submit(() -> large).get(30, SECONDS);
    assertTrue(Arrays.equals(large, back));
  }

  @Test
  void valueComesBackAsItWas() throws Exception {
    ProcessPool pool = processes(1);
    for (Object value :
        Arrays.asList(null, true, 1, -1L, 0.5, "a", "\u0100", "\ud83d", List.of(1), 2)) {
      assertEquals(value, pool.submit(() -> value).get(30, SECONDS));
    }
  }

  @Test
  void waiterKeepsItsContextClassLoader() throws Exception {
    ProcessPool pool = processes(1);
    ClassLoader before = Thread.currentThread().getContextClassLoader();
    ClassLoader own = new ClassLoader(before) {};
    Thread.currentThread().setContextClassLoader(own);
    try {
      for (int i = 0; i < 50; i++) {
        assertEquals(1, pool.submit(() -> 1).get(30, SECONDS));
        assertSame(own, Thread.currentThread().getContextClassLoader());
      }
    } finally {
      Thread.currentThread().setContextClassLoader(before);
    }
  }

  @Test
  void mapTakesWhatCanBeSent() {
    assertEquals(
        List.of("a1"),
        processes(1).starmap((a, b) -> a + b, List.of(Map.entry("a", 1))).toList());
  }

  @Test
  void errorOfAMapIsWhatTheCallThrew() {
    Throwable thrown =
        assertThrows(
            CompletionException.class,
            () -> processes(1).map(Integer::parseInt, List.of("1", "x")).toList());
    assertInstanceOf(NumberFormatException.class, thrown.getCause());
  }

  // ------------------------------------------------------------------ What can't be sent

  /** Not serializable. */
  static final class Socket {
    int port() {
      return 80;
    }
  }

  @Test
  void taskThatCanNotBeSentIsRefusedNamingTheClass() {
    ProcessPool pool = processes(1);
    Socket socket = new Socket();
    SerializationException e =
        assertThrows(SerializationException.class, () -> pool.submit(() -> socket.port()));
    assertTrue(e.getMessage().contains(Socket.class.getName()), e.getMessage());
    assertEquals(0, pool.stats().submitted());
  }

  @Test
  void lambdaThatIsNotSerializableIsRefusedWithAHint() {
    ProcessPool pool = processes(1);
    Callable<Integer> plain = () -> 1;
    SerializationException e =
        assertThrows(SerializationException.class, () -> pool.submit(plain));
    assertTrue(e.getMessage().contains("SerializableCallable"), e.getMessage());
  }

  @Test
  void resultThatCanNotBeSentFailsItsTaskAlone() throws Exception {
    ProcessPool pool = processes(1);
    Future<Socket> future = pool.submit(() -> new Socket());
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    assertInstanceOf(SerializationException.class, thrown);
    assertTrue(thrown.getMessage().contains(Socket.class.getName()), thrown.getMessage());
    assertEquals(1, pool.submit(() -> 1).get(30, SECONDS));
  }

  /** Can't be serialized, for what it holds. */
  static final class SocketException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final transient Object socket;
    private final Object held = new Socket();

    SocketException(String message, Throwable cause) {
      super(message, cause);
      this.socket = held;
    }

    @Override
    public String toString() {
      return "socket " + socket;
    }
  }

  @Test
  void exceptionThatCanNotBeSentArrivesAsARemoteException() {
    Future<Integer> future =
        processes(1)
            .submit(
                () -> {
                  throw new SocketException("down", new IllegalStateException("cause"));
                });
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    RemoteException remote = assertInstanceOf(RemoteException.class, thrown);
    assertEquals(SocketException.class.getName(), remote.typeName());
    assertEquals("down", remote.getMessage());
    assertTrue(remote.remoteStack().contains("ProcessPoolTest"), remote.remoteStack());
    RemoteException cause = assertInstanceOf(RemoteException.class, remote.getCause());
    assertEquals("java.lang.IllegalStateException", cause.typeName());
    assertEquals("cause", cause.getMessage());
  }

  // ------------------------------------------------------------------ Workers that die

  @Test
  void killedWorkerCostsOneTask() throws Exception {
    ProcessPool pool = processes(1);
    long pid = pool.submit(() -> pid()).get(30, SECONDS);
    Future<Boolean> lost = block(pool, gate());
    Future<Integer> next = pool.submit(() -> 2);
    kill(pid);
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> lost.get(30, SECONDS)).getCause();
    WorkerLostException e = assertInstanceOf(WorkerLostException.class, thrown);
    assertEquals(pid, e.pid());
    assertEquals(OptionalInt.of(9), e.signal());
    assertEquals(OptionalInt.empty(), e.exitCode());
    assertEquals(2, next.get(30, SECONDS));
    assertEquals(1, pool.stats().lost());
  }

  @Test
  void taskThatExitsCostsItself() throws Exception {
    ProcessPool pool = processes(1);
    Future<Integer> lost =
        pool.submit(
            () -> {
              Runtime.getRuntime().halt(3);
              return 1;
            });
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> lost.get(30, SECONDS)).getCause();
    WorkerLostException e = assertInstanceOf(WorkerLostException.class, thrown);
    assertEquals(OptionalInt.of(3), e.exitCode());
    assertEquals(OptionalInt.empty(), e.signal());
    assertEquals(1, pool.submit(() -> 1).get(30, SECONDS));
  }

  @Test
  void taskThatCallsSystemExitCostsItself() throws Exception {
    ProcessPool pool = processes(1);
    Future<?> lost = pool.submit((SerializableRunnable) () -> System.exit(4));
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> lost.get(30, SECONDS)).getCause();
    assertEquals(
        OptionalInt.of(4), assertInstanceOf(WorkerLostException.class, thrown).exitCode());
  }

  @Test
  void cancelKillsTheWorkerOfARunningTaskAndReplacesIt() throws Exception {
    ProcessPool pool = processes(1);
    long before = pool.submit(() -> pid()).get(30, SECONDS);
    Future<?> endless =
        pool.submit(
            (SerializableRunnable)
                () -> {
                  while (true) {
                    Thread.onSpinWait();
                  }
                });
    eventually("it runs", () -> pool.countBusyWorkers() == 1);
    assertTrue(endless.cancel(true));
    assertThrows(CancellationException.class, endless::get);
    assertNotEquals(before, pool.submit(() -> pid()).get(30, SECONDS));
  }

  @Test
  void cancelWithoutInterruptLetsTheTaskRunOn() throws Exception {
    ProcessPool pool = processes(1);
    Gate gate = gate();
    Gate ended = gate();
    Gate started = gate();
    Future<?> future =
        pool.submit(
            () -> {
              started.open();
              gate.pass();
              ended.open();
              return 1;
            });
    assertTrue(started.pass());
    assertTrue(future.cancel(false));
    gate.open();
    assertTrue(ended.pass());
  }

  @Test
  void timeoutKillsTheWorkerAndReplacesIt() throws Exception {
    ProcessPool pool = processes(1);
    long before = pool.submit(() -> pid()).get(30, SECONDS);
    Gate gate = gate();
    TaskOptions options = TaskOptions.DEFAULT.withTimeout(Duration.ofMillis(50));
    assertInstanceOf(TimeoutException.class, failureOf(pool.submit(options, gate::pass)));
    assertNotEquals(before, pool.submit(() -> pid()).get(30, SECONDS));
  }

  @Test
  void taskWhoseWorkerIsLostRunsAgainIfItMay() throws Exception {
    ProcessPool pool = processes(1);
    Gate first = gate();
    TaskOptions options = TaskOptions.DEFAULT.withMaxAttempts(2);
    Future<Integer> future =
        pool.submit(
            options,
            () -> {
              if (!first.isOpen()) {
                first.open();
                Runtime.getRuntime().halt(3);
              }
              return 7;
            });
    assertEquals(7, future.get(30, SECONDS));
  }

  @Test
  void failureOfAPostedTaskGoesToTheHandler() throws Exception {
    ProcessPool pool = processes(1);
    CompletableFuture<Throwable> uncaught = new CompletableFuture<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> uncaught.complete(thrown));
    try {
      pool.execute(
          () -> {
            throw new IllegalStateException("posted");
          });
      assertEquals("posted", uncaught.get(30, SECONDS).getMessage());
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
  }

  @Test
  void workersEndWithTheirPool() throws Exception {
    ProcessPool pool = processes(1);
    long pid = pool.submit(() -> pid()).get(30, SECONDS);
    pool.close();
    eventually("it is gone", () -> ProcessHandle.of(pid).isEmpty());
  }

  // ------------------------------------------------------------------ Workers

  @Test
  void hooksRunInEachWorker() throws Exception {
    Gate ended = gate();
    ProcessPool pool =
        keep(
            ProcessPool.builder()
                .maxWorkers(1)
                .jvmOptions(SMALL)
                .initializer(() -> System.setProperty("asyncpal.test", "set"))
                .finalizer(ended::open)
                .build());
    assertEquals("set", pool.submit(() -> System.getProperty("asyncpal.test")).get(30, SECONDS));
    pool.close();
    assertTrue(ended.pass());
  }

  @Test
  void workersGetTheOptionsOfTheirJvm() throws Exception {
    ProcessPool pool =
        keep(ProcessPool.builder().maxWorkers(1).jvmOptions(List.of("-Dmine=yes")).build());
    assertEquals("yes", pool.submit(() -> System.getProperty("mine")).get(30, SECONDS));
  }

  @Test
  void programThatIsNoWorkerBreaksThePoolAndIsQuoted() {
    ProcessPool pool =
        keep(
            ProcessPool.builder()
                .maxWorkers(1)
                .workerCommand(List.of("/bin/sh", "-c", "echo no module images >&2"))
                .build());
    Future<Integer> future = pool.submit(() -> 1);
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    assertInstanceOf(BrokenPoolException.class, thrown);
    assertTrue(
        thrown.getMessage().contains("its last lines on stderr:\n  no module images"),
        thrown::getMessage);
    assertTrue(pool.isBroken());
  }

  @Test
  void programThatSaysNothingInTimeBreaksThePool() {
    ProcessPool pool =
        keep(
            ProcessPool.builder()
                .maxWorkers(1)
                .workerCommand(List.of("/bin/sleep", "60"))
                .handshakeTimeout(Duration.ofMillis(100))
                .build());
    Future<Integer> future = pool.submit(() -> 1);
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    assertInstanceOf(BrokenPoolException.class, thrown);
    assertTrue(thrown.getMessage().contains("sent no handshake within 100ms"), thrown::getMessage);
  }

  @Test
  void handshakeTimeoutMustBeMoreThanZero() {
    ProcessPool.Builder builder = ProcessPool.builder();
    assertThrows(
        IllegalArgumentException.class, () -> builder.handshakeTimeout(Duration.ZERO));
  }

  private static boolean mayGetNoPrivileges() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).contains("NoNewPrivs:\t1");
  }

  @Test
  void workersGetNoNewPrivilegesIfTheyAreToldSo() throws Exception {
    for (boolean forbidden : new boolean[] {false, true}) {
      ProcessPool pool =
          keep(
              ProcessPool.builder()
                  .maxWorkers(1)
                  .jvmOptions(SMALL)
                  .noNewPrivileges(forbidden)
                  .build());
      assertEquals(
          forbidden || mayGetNoPrivileges(),
          pool.submit(ProcessPoolTest::mayGetNoPrivileges).get(30, SECONDS));
    }
  }

  // ------------------------------------------------------------------ Tasks in C++

  private ProcessPool cppPool() {
    return keep(
        ProcessPool.builder()
            .maxWorkers(1)
            .workerCommand(List.of(System.getProperty("asyncpal.cppWorker")))
            .build());
  }

  @Test
  void cppTaskIsCalledWithPlainArguments() throws Exception {
    ProcessPool pool = cppPool();
    assertEquals(102334155L, pool.call("test.fib", Long.class, 40L).get(30, SECONDS));
    assertEquals(
        "a-ä-c",
        pool.call("test.join", String.class, List.of("a", "ä", "c"), "-").get(30, SECONDS));
    assertEquals(
        1.5, pool.call("test.mean", Double.class, new double[] {1, 2}).get(30, SECONDS));
    assertEquals(
        null, pool.call("test.nothing", Void.class).get(30, SECONDS));
  }

  @Test
  void cppExceptionArrivesWithItsCauses() {
    CompletableFuture<Void> future = cppPool().call("test.throw", Void.class, "disk");
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    assertInstanceOf(IllegalArgumentException.class, thrown);
    assertEquals("disk", thrown.getMessage());
    RemoteException cause = assertInstanceOf(RemoteException.class, thrown.getCause());
    assertEquals("std::out_of_range", cause.typeName());
    assertEquals("inner", cause.getMessage());
    assertTrue(cause.remoteStack().contains("ThrowWithCause"), cause.remoteStack());
  }

  @Test
  void cppTaskOfOtherTypesIsRefused() {
    ProcessPool pool = cppPool();
    Future<Long> wrongArgument = pool.call("test.fib", Long.class, 40);
    assertInstanceOf(
        SerializationException.class,
        assertThrows(ExecutionException.class, () -> wrongArgument.get(30, SECONDS)).getCause());
    Future<Integer> wrongResult = pool.call("test.fib", Integer.class, 4L);
    assertInstanceOf(
        SerializationException.class,
        assertThrows(ExecutionException.class, () -> wrongResult.get(30, SECONDS)).getCause());
    assertThrows(
        IllegalArgumentException.class, () -> pool.call("test.fib", Long.class, new Object()));
    assertThrows(IllegalArgumentException.class, () -> pool.call("test.fib", Object.class, 4L));
  }

  @Test
  void unknownCppTaskIsNamed() {
    Future<Long> future = cppPool().call("test.nowhere", Long.class);
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    assertTrue(thrown.getMessage().contains("test.nowhere"), thrown.getMessage());
  }

}

/**
 * Pools of threads and of processes whose queues and workers are native, as {@link
 * java.util.concurrent.ExecutorService}s.
 *
 * <p>{@link io.asyncpal.ThreadPool} runs tasks on threads of this JVM, {@link
 * io.asyncpal.ProcessPool} in JVMs of their own, which may crash or be killed. {@link
 * io.asyncpal.Executors} makes those of usual sizes. What both can do is in {@link
 * io.asyncpal.Pool}, their maps in {@link io.asyncpal.PoolMaps} and {@link
 * io.asyncpal.SettledMaps}, delayed and periodic tasks in {@link io.asyncpal.PoolTimers}; what
 * becomes of open pools when the JVM ends is in {@link io.asyncpal.GlobalShutdown}.
 *
 * <pre>{@code
 * try (ThreadPool pool = new ThreadPool(4)) {
 *   CompletableFuture<Page> page = pool.submit(() -> load(url));
 *   pool.map(n -> n * n, numbers).forEach(System.out::println);
 *   show(page.get());
 * }
 * }</pre>
 *
 * <p>An argument that is null where nothing says that it may be is a {@link
 * java.lang.NullPointerException}. All else is public API by what its own page says; {@code
 * io.asyncpal.internal} is not.
 */
package io.asyncpal;

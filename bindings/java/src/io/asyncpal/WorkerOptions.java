package io.asyncpal;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * The part of a process pool's builder that concerns the processes in which its workers run.
 * Threads: one at a time.
 *
 * @param <B> the builder's own class
 */
public abstract class WorkerOptions<B extends WorkerOptions<B>> extends PoolBuilder<B> {
  List<String> launcher = List.of(); // empty: the java of this JVM
  boolean inherit = true;
  List<String> jvmOptions = List.of();
  List<Path> classPath = List.of(); // empty: where this JVM has its classes

  Duration handshakeTimeout; // null: native code's own
  boolean noNewPrivileges;

  WorkerOptions() {}

  /**
   * Options for the JVMs of the workers, after those that they have anyway ({@link
   * #inheritJvmOptions}), so that these take precedence.
   *
   * <p>If neither these nor this JVM's options name a garbage collector, workers use the serial
   * one, which starts fastest. Memory is limited as for any JVM, each by itself; say {@code -Xmx}
   * where many workers share a machine.
   *
   * @param options for example {@code List.of("-Xmx256m", "-Dlog.level=info")}
   * @return this
   */
  public B jvmOptions(List<String> options) {
    this.jvmOptions = List.copyOf(options);
    return self();
  }

  /**
   * Whether a worker is a JVM like this one, with the options that this one was started with,
   * whether on the command line or in {@code JAVA_TOOL_OPTIONS} and similar variables, which
   * workers don't see.
   *
   * <p>Left out are those that JVMs can't share: debuggers, JMX ports, and agents that are told an
   * address or a port; files that all of them would write, such as logs, heap dumps, flight
   * recordings and CDS archives, unless {@code %p} in their names makes them different; and what
   * would take memory for each worker before it is needed ({@code -Xms}, {@code AlwaysPreTouch}).
   *
   * @param inherit true by default; false: workers have the class path or module path of this
   *     JVM, and otherwise only what {@link #jvmOptions} says
   * @return this
   */
  public B inheritJvmOptions(boolean inherit) {
    this.inherit = inherit;
    return self();
  }

  /**
   * Where workers find their classes.
   *
   * <p>By default a worker has the class path, module path and modules of this JVM. If a host's own
   * class loader has loaded this library or is the context class loader of the thread that makes
   * the pool, as in a web container or a jar of jars, workers start with this library only and ask
   * this process for classes and resources; that class loader answers as long as the pool is open.
   * They can ask for nothing else, and for no more than 64 MiB at once.
   *
   * @param entries jars and folders, in order; this library is added
   * @return this
   * @throws IllegalArgumentException if one is not there, or {@code entries} is empty
   */
  public B classPath(List<Path> entries) {
    if (entries.isEmpty()) {
      throw new IllegalArgumentException("classPath: there are no entries");
    }
    for (Path entry : entries) {
      if (!Files.exists(entry)) {
        throw new IllegalArgumentException("classPath: " + entry + " is not there");
      }
    }
    this.classPath = List.copyOf(entries);
    return self();
  }

  /**
   * The program that starts the JVM of a worker, with arguments that precede all others.
   *
   * @param command for example {@code "/opt/jdk/bin/java"}, or {@code "nice", "java"}; the {@code
   *     java} of this JVM by default
   * @return this
   * @throws IllegalArgumentException if the program is not there, or {@code command} is empty
   */
  public B launcher(String... command) {
    if (command.length == 0) {
      throw new IllegalArgumentException("launcher: the command is empty");
    }
    WorkerCommand.checkProgram("launcher", command[0]);
    this.launcher = List.of(command);
    return self();
  }

  /**
   * How long a new worker process may take to become a worker. One that takes longer is killed, and
   * counts as one that could not be started. The initializer has its own limit.
   *
   * @param timeout more than zero; a minute by default
   * @return this
   */
  public B handshakeTimeout(Duration timeout) {
    if (Durations.toNanos("handshakeTimeout", timeout) == 0) {
      throw new IllegalArgumentException("handshakeTimeout is zero; it must be more");
    }
    this.handshakeTimeout = timeout;
    return self();
  }

  /**
   * Whether programs that tasks start are denied the privileges of their files (set-user-ID,
   * capabilities). By default they are not. Without these privileges, {@code sudo}, {@code ping},
   * {@code newuidmap}, {@code sendmail} and the like fail in workers.
   *
   * @param forbidden true: sets {@code PR_SET_NO_NEW_PRIVS} in each worker
   * @return this
   */
  public B noNewPrivileges(boolean forbidden) {
    this.noNewPrivileges = forbidden;
    return self();
  }
}

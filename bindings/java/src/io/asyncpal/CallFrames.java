package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.HostedWorker;
import io.asyncpal.internal.swig.ResultKind;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.function.Function;

/**
 * How a worker sends a chunk whose calls may fail: each call's end by itself, as soon as there is
 * one, so that a worker that is lost takes along no more than a few of them.
 *
 * <p>For each call a zero, so that nobody takes it for a {@link PlainValue}, the number of bytes
 * and the bytes: those of its result, or of an {@link Attempt.Failed}. At the end, what the calls
 * took, in nanoseconds; 0: unknown.
 */
final class CallFrames {
  private static final int HEADER = 1 + Integer.BYTES;

  private CallFrames() {}

  /** Makes the calls of the task that runs; in a worker only. */
  static <R> void callEach(Function<Object, Attempt<R>> f, Iterable<Object> items) {
    HostedWorker.beginCalls();
    for (Object item : items) {
      HostedWorker.beginCall();
      Attempt<R> attempt = f.apply(item);
      try {
        end(attempt);
      } catch (SerializationException e) {
        end(new Attempt<>(null, e));
      }
    }
  }

  private static void end(Attempt<?> attempt) {
    byte[] result = WorkerMain.write(attempt.toSend());
    byte[] frame =
        ByteBuffer.allocate(HEADER + result.length)
            .put((byte) ResultKind.kOtherResult)
            .putInt(result.length)
            .put(result)
            .array();
    try {
      HostedWorker.endCall(frame);
    } catch (Failure e) {
      Throwable refusal = Failures.take(e, null);
      throw refusal instanceof SerializationException known
          ? known
          : new SerializationException("the result can't be sent", refusal);
    }
  }

  static byte[] ofTime(long nanos) {
    return ByteBuffer.allocate(Long.BYTES).putLong(nanos).array();
  }

  /**
   * What has come of a chunk: of all its calls, or of the first ones.
   *
   * @param read gets the bytes of each
   * @throws SerializationException if this can't be
   */
  static <R> MapChunk.Results<Attempt<R>> read(
      byte[] bytes, int calls, boolean isWhole, Function<byte[], Attempt<R>> read) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    ArrayList<Attempt<R>> attempts = new ArrayList<>();
    try {
      while (isWhole ? attempts.size() < calls : in.hasRemaining()) {
        in.get();
        int size = in.getInt();
        if (size < 0 || size > in.remaining() || attempts.size() == calls) {
          throw new BufferUnderflowException();
        }
        int begin = in.position();
        in.position(begin + size);
        attempts.add(read.apply(Arrays.copyOfRange(bytes, begin, begin + size)));
      }
      long nanos = isWhole ? in.getLong() : 0;
      return new MapChunk.Results<>(attempts, null, nanos);
    } catch (BufferUnderflowException e) {
      throw new SerializationException("the results of a chunk can't be read", e);
    }
  }
}

package io.asyncpal;

import java.io.ObjectInputFilter;

/**
 * Decides what may be read of the bytes that a worker sent, which can be hostile: its task may have
 * taken it over. No honest object has an array that is much longer than its bytes, or more
 * references than they could hold.
 *
 * <p>For the bytes of one object, and one thread.
 */
final class ResultFilter implements ObjectInputFilter {
  private static final long SMALL = 64 * 1024;

  private final ObjectInputFilter custom;
  private final int bytes;
  private final long limit;
  private String reason;

  /**
   * For one object.
   *
   * @param bytes how many it has
   * @param custom what the user allows; may be null
   */
  ResultFilter(int bytes, ObjectInputFilter custom) {
    this.bytes = bytes;
    this.custom = custom;
    this.limit = 2L * bytes + SMALL;
  }

  /** Why it has rejected the object, or null. */
  String reason() {
    return reason;
  }

  @Override
  public Status checkInput(FilterInfo info) {
    if (info.arrayLength() > limit) {
      return reject("it claims to have an array of " + info.arrayLength() + " elements");
    }
    if (info.references() > limit) {
      return reject("it has " + info.references() + " references to objects");
    }
    if (custom == null) {
      return Status.UNDECIDED;
    }
    Status status = custom.checkInput(info);
    if (status == Status.REJECTED) {
      Class<?> type = info.serialClass();
      reject("the pool's resultFilter rejects " + (type == null ? "it" : type.getName()));
    }
    return status;
  }

  private Status reject(String why) {
    reason = why + ", in " + bytes + " bytes";
    return Status.REJECTED;
  }
}

package io.asyncpal;

import java.io.ObjectInputFilter;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.IntFunction;

/**
 * What is known of an exception and its causes, as values that go anywhere.
 *
 * <p><b>Errors:</b> none. Whatever an exception's own methods do, {@link #of} has at least its
 * type, and {@link #rebuild} makes some exception. Both call those methods with no lock held.
 *
 * @param links the exception and its causes, outermost first; at least one
 * @param state what makes the exception itself again, with its causes; may be empty
 */
record SentThrowable(List<Link> links, byte[] state) implements Serializable {
  /** As many bytes may go to another process, unless a pool says otherwise. */
  static final int MAX_BYTES = 16 << 20;

  private static final byte[] NO_STATE = {};
  private static final int MAX_LINKS = 64;
  private static final int MAX_STACK_CHARS = 8 * 1024;
  // Of a message beside a state, which has it in full.
  private static final int MAX_CHARS_BESIDE_STATE = 8 * 1024;
  private static final int MAX_BYTES_PER_CHAR = 3; // in UTF-8

  /**
   * One exception of a chain.
   *
   * @param type the name of its class
   * @param message empty if it has none
   * @param stack one line for each frame, innermost first
   */
  record Link(String type, String message, String stack) implements Serializable {}

  /** What this process can say of it. */
  static SentThrowable of(Throwable thrown) {
    return of(thrown, NO_STATE, Integer.MAX_VALUE);
  }

  /** The same for another JVM, in which it is to be the same exception. */
  static SentThrowable toSend(Throwable thrown, int maxBytes) {
    return of(thrown, stateOf(thrown, maxBytes), maxBytes);
  }

  private static SentThrowable of(Throwable thrown, byte[] state, int maxBytes) {
    try {
      List<Throwable> chain = chainOf(thrown);
      int maxChars =
          state.length > 0
              ? MAX_CHARS_BESIDE_STATE
              : Math.max(MAX_CHARS_BESIDE_STATE, maxBytes / MAX_BYTES_PER_CHAR / chain.size());
      List<Link> links = new ArrayList<>();
      for (Throwable e : chain) {
        links.add(new Link(typeOf(e), cut(messageOf(e), maxChars), stackOf(e)));
      }
      return new SentThrowable(links, state);
    } catch (Throwable e) {
      // No memory for all that, or no stack.
      return new SentThrowable(List.of(new Link(typeOf(thrown), "", "")), NO_STATE);
    }
  }

  /** Empty if it can't be sent. */
  private static byte[] stateOf(Throwable thrown, int maxBytes) {
    try {
      return Serialization.write(thrown, "the exception", maxBytes);
    } catch (Throwable e) {
      return NO_STATE;
    }
  }

  /** It and its causes, outermost first. */
  private static List<Throwable> chainOf(Throwable thrown) {
    List<Throwable> chain = new ArrayList<>();
    Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    Throwable e = thrown;
    while (e != null && chain.size() < MAX_LINKS && seen.add(e)) {
      chain.add(e);
      try {
        e = e.getCause();
      } catch (Throwable inGetCause) {
        e = null;
      }
    }
    return chain;
  }

  private static String typeOf(Throwable e) {
    return e.getClass().getName();
  }

  private static String messageOf(Throwable e) {
    try {
      String message = e.getMessage();
      return message == null ? "" : message;
    } catch (Throwable inGetMessage) {
      return "(no message: getMessage() threw " + typeOf(inGetMessage) + ")";
    }
  }

  private static String stackOf(Throwable e) {
    StringBuilder stack = new StringBuilder();
    try {
      for (StackTraceElement frame : e.getStackTrace()) {
        if (stack.length() > MAX_STACK_CHARS) {
          stack.append("    ...\n");
          break;
        }
        stack.append("    at ").append(frame).append('\n');
      }
    } catch (Throwable inGetStackTrace) {
      // What there is by now will do.
    }
    return stack.toString();
  }

  private static String cut(String text, int maxChars) {
    return text.length() <= maxChars
        ? text
        : text.substring(0, maxChars) + "... (cut; it has " + text.length() + " characters)";
  }

  /** "type: message", as its own {@code toString()} should have it. */
  static String describe(Throwable thrown) {
    try {
      return thrown.toString();
    } catch (Throwable inToString) {
      return typeOf(thrown) + ": " + messageOf(thrown);
    }
  }

  /**
   * The exception anew: itself, if there is a state that can be read here, else a {@link
   * RemoteException}.
   *
   * @param filters the one for a state of that many bytes
   */
  Throwable rebuild(IntFunction<ObjectInputFilter> filters) {
    Throwable itself = read(state, filters.apply(state.length));
    if (itself != null) {
      return itself;
    }
    Throwable cause = null;
    for (int i = links.size() - 1; i >= 0; i--) {
      Link link = links.get(i);
      cause = new RemoteException(link.type(), link.message(), link.stack(), cause);
    }
    return cause;
  }

  /**
   * What {@link #toSend} has made a state of, or null: it can't be had here.
   *
   * @param filter null: the state is trusted
   */
  static Throwable read(byte[] state, ObjectInputFilter filter) {
    if (state.length == 0) {
      return null;
    }
    try {
      Object read = Serialization.read(state, "the exception", filter);
      return read instanceof Throwable thrown ? thrown : null;
    } catch (Throwable e) {
      return null; // its class is not here, or will not have it
    }
  }
}

package io.asyncpal;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Enumeration;

/**
 * Gives workers the bytes of the classes and resources that a class loader of this process has, by
 * their names, and nothing else.
 *
 * <p><b>Threads:</b> any; no lock is held while the class loader works. <b>Errors:</b> none get
 * out: a worker is told.
 */
final class ClassServer {
  /** What may be asked for: a class, or one of the resources of a name. */
  enum Kind {
    CLASS,
    RESOURCE
  }

  /** How an answer begins; then come the bytes, or in UTF-8 what went wrong. */
  enum Status {
    FOUND,
    NOT_FOUND,
    FAILED
  }

  private static final int MAX_BYTES = 64 << 20;
  private static final int MAX_NAME = 4096;

  private volatile ClassLoader loader; // null: closed

  ClassServer(ClassLoader loader) {
    this.loader = loader == null ? ClassLoader.getSystemClassLoader() : loader;
  }

  /** Lets go of the class loader. */
  void close() {
    loader = null;
  }

  /**
   * The bytes of a request.
   *
   * @param index which one of those that have the name
   */
  static byte[] request(Kind kind, String name, int index) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    try {
      out.writeByte(kind.ordinal());
      out.writeInt(index);
      out.write(name.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new AssertionError(e); // in memory
    }
    return bytes.toByteArray();
  }

  byte[] answer(byte[] request) {
    try {
      DataInputStream in = new DataInputStream(new ByteArrayInputStream(request));
      Kind kind = Kind.values()[in.readUnsignedByte()];
      int index = in.readInt();
      String name = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      ClassLoader from = loader;
      if (from == null || !isName(name)) {
        return reply(Status.NOT_FOUND, new byte[0]);
      }
      String path = kind == Kind.CLASS ? name.replace('.', '/') + ".class" : name;
      try (InputStream found = open(from, path, index)) {
        return found == null
            ? reply(Status.NOT_FOUND, new byte[0])
            : reply(Status.FOUND, read(found, path));
      }
    } catch (Throwable e) { // of the class loader, which is not ours
      return reply(
          Status.FAILED, SentThrowable.describe(e).getBytes(StandardCharsets.UTF_8));
    }
  }

  /** Not a way out of where the class loader looks. */
  private static boolean isName(String name) {
    return !name.isEmpty()
        && name.length() <= MAX_NAME
        && !name.startsWith("/")
        && !name.contains("..")
        && name.indexOf('\\') < 0
        && name.indexOf('\0') < 0;
  }

  private static InputStream open(ClassLoader from, String path, int index) throws IOException {
    if (index == 0) {
      return from.getResourceAsStream(path);
    }
    Enumeration<URL> all = index < 0 ? Collections.emptyEnumeration() : from.getResources(path);
    for (int i = 0; i < index && all.hasMoreElements(); i++) {
      all.nextElement();
    }
    return all.hasMoreElements() ? all.nextElement().openStream() : null;
  }

  private static byte[] read(InputStream in, String path) throws IOException {
    byte[] bytes = in.readNBytes(MAX_BYTES + 1);
    if (bytes.length > MAX_BYTES) {
      throw new IOException(path + " has more than the 64 MiB that a worker may ask for at once");
    }
    return bytes;
  }

  private static byte[] reply(Status status, byte[] bytes) {
    byte[] reply = new byte[bytes.length + 1];
    reply[0] = (byte) status.ordinal();
    System.arraycopy(bytes, 0, reply, 1, bytes.length);
    return reply;
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.HostedWorker;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;

/**
 * Has the classes and resources of the process that has started this worker: those that the class
 * loader there has, and this JVM's class path has not.
 *
 * <p><b>Threads:</b> any, also while no task runs.
 */
final class ParentClassLoader extends ClassLoader {
  static {
    registerAsParallelCapable();
  }

  ParentClassLoader() {
    super("asyncpal-parent", ParentClassLoader.class.getClassLoader());
  }

  @Override
  protected Class<?> findClass(String name) throws ClassNotFoundException {
    byte[] bytes;
    try {
      bytes = ask(ClassServer.Kind.CLASS, name, 0);
    } catch (IOException | RuntimeException e) {
      throw new ClassNotFoundException(name + ", which the pool's process can't give", e);
    }
    if (bytes == null) {
      throw new ClassNotFoundException(name);
    }
    return defineClass(name, bytes, 0, bytes.length);
  }

  @Override
  protected URL findResource(String name) {
    try {
      byte[] bytes = ask(ClassServer.Kind.RESOURCE, name, 0);
      return bytes == null ? null : urlOf(name, 0, bytes);
    } catch (IOException | RuntimeException e) {
      return null; // as the contract of this method is
    }
  }

  @Override
  protected Enumeration<URL> findResources(String name) throws IOException {
    List<URL> found = new ArrayList<>();
    while (true) {
      byte[] bytes = ask(ClassServer.Kind.RESOURCE, name, found.size());
      if (bytes == null) {
        return Collections.enumeration(found);
      }
      found.add(urlOf(name, found.size(), bytes));
    }
  }

  /** Null: the parent has no such thing. */
  private static byte[] ask(ClassServer.Kind kind, String name, int index) throws IOException {
    byte[] reply = HostedWorker.ask(ClassServer.request(kind, name, index));
    if (reply.length == 0) {
      throw new IOException("the pool's process has no answer for " + name);
    }
    byte[] bytes = Arrays.copyOfRange(reply, 1, reply.length);
    return switch (ClassServer.Status.values()[reply[0]]) {
      case FOUND -> bytes;
      case NOT_FOUND -> null;
      case FAILED -> throw new IOException(new String(bytes, StandardCharsets.UTF_8));
    };
  }

  private static URL urlOf(String name, int index, byte[] bytes) {
    try {
      return new URL(
          null,
          "asyncpal-parent:/" + name + (index == 0 ? "" : "#" + index),
          new URLStreamHandler() {
            @Override
            protected URLConnection openConnection(URL url) {
              return new BytesConnection(url, bytes);
            }
          });
    } catch (MalformedURLException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final class BytesConnection extends URLConnection {
    private final byte[] bytes;

    BytesConnection(URL url, byte[] bytes) {
      super(url);
      this.bytes = bytes;
    }

    @Override
    public void connect() {}

    @Override
    public InputStream getInputStream() {
      return new ByteArrayInputStream(bytes);
    }

    @Override
    public long getContentLengthLong() {
      return bytes.length;
    }

    @Override
    public int getContentLength() {
      return bytes.length;
    }
  }
}

package io.asyncpal;

import static io.asyncpal.ClassServer.Status.FAILED;
import static io.asyncpal.ClassServer.Status.FOUND;
import static io.asyncpal.ClassServer.Status.NOT_FOUND;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ClassServerTest {
  private final ClassServer server = new ClassServer(new EverythingLoader());

  /** Has whatever it is asked for: the name. */
  private static final class EverythingLoader extends ClassLoader {
    @Override
    public InputStream getResourceAsStream(String name) {
      return switch (name) {
        case "broken" -> throw new LinkageError("broken loader");
        case "endless" -> new InputStream() {
          @Override
          public int read() {
            return 0;
          }
        };
        default -> new ByteArrayInputStream(name.getBytes(StandardCharsets.UTF_8));
      };
    }
  }

  private byte[] ask(ClassServer.Kind kind, String name) {
    return server.answer(ClassServer.request(kind, name, 0));
  }

  private ClassServer.Status statusOf(byte[] request) {
    return ClassServer.Status.values()[server.answer(request)[0]];
  }

  private ClassServer.Status statusOf(String name) {
    return statusOf(ClassServer.request(ClassServer.Kind.RESOURCE, name, 0));
  }

  private static String textOf(byte[] reply) {
    return new String(reply, 1, reply.length - 1, StandardCharsets.UTF_8);
  }

  @Test
  void findsClassesByTheirNames() {
    assertEquals("a/b/C.class", textOf(ask(ClassServer.Kind.CLASS, "a.b.C")));
  }

  @Test
  void findsResourcesByTheirNames() {
    assertEquals("a/b.txt", textOf(ask(ClassServer.Kind.RESOURCE, "a/b.txt")));
    assertEquals(FOUND, statusOf("a/b.txt"));
  }

  @Test
  void servesNothingButNames() {
    for (String name :
        List.of("", "/etc/passwd", "../a", "a/../../b", "a\\b", "a\0b", "x".repeat(5000))) {
      assertEquals(NOT_FOUND, statusOf(name), name);
    }
  }

  @Test
  void saysWhatFailedInTheLoader() {
    assertEquals(FAILED, statusOf("broken"));
    assertEquals(
        "java.lang.LinkageError: broken loader",
        textOf(ask(ClassServer.Kind.RESOURCE, "broken")));
  }

  @Test
  void sendsNoMoreThanItsLimit() {
    assertEquals(FAILED, statusOf("endless"));
  }

  @Test
  void refusesWhatIsNoRequest() {
    assertEquals(FAILED, statusOf(new byte[0]));
    assertEquals(FAILED, statusOf(new byte[] {9, 0, 0, 0, 0, 'a'}));
  }

  @Test
  void findsNothingOnceClosed() {
    server.close();
    assertEquals(NOT_FOUND, statusOf("a"));
  }
}

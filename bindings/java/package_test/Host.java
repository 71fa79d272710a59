package user;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.CodeSource;
import java.security.ProtectionDomain;
import java.security.cert.Certificate;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/** Runs a program with a class loader that nobody else can make: as web containers and fat jars. */
public final class Host {
  private Host() {}

  /** {@code args}: "files" or "nested", the main class, and jars. */
  public static void main(String[] args) throws Exception {
    ClassLoader loader =
        args[0].equals("files")
            ? filesLoader(List.of(args).subList(2, args.length))
            : new NestedLoader(Path.of(args[2]));
    Thread.currentThread().setContextClassLoader(loader);
    loader
        .loadClass(args[1])
        .getMethod("main", String[].class)
        .invoke(null, (Object) new String[0]);
  }

  private static ClassLoader filesLoader(List<String> jars) throws IOException {
    URL[] urls = new URL[jars.size()];
    for (int i = 0; i < urls.length; i++) {
      urls[i] = new File(jars.get(i)).toURI().toURL();
    }
    return new URLClassLoader(urls, ClassLoader.getPlatformClassLoader());
  }

  /** Has the classes of the jars in a jar; their places are jar:file:...!/lib/a.jar!/. */
  private static final class NestedLoader extends ClassLoader {
    private final Path outer;
    private final List<String> names;

    NestedLoader(Path outer) throws IOException {
      super(ClassLoader.getPlatformClassLoader());
      this.outer = outer;
      try (JarFile jar = new JarFile(outer.toFile())) {
        names =
            jar.stream()
                .map(JarEntry::getName)
                .filter(name -> name.endsWith(".jar"))
                .toList();
      }
    }

    private URL url(String inner, String path) throws IOException {
      String text = "jar:" + outer.toUri() + "!/" + inner + "!/" + path;
      return new URL(null, text, new NestedHandler(outer, inner, path));
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
      String path = name.replace('.', '/') + ".class";
      for (String inner : names) {
        try (InputStream in = url(inner, path).openStream()) {
          byte[] bytes = in.readAllBytes();
          CodeSource source = new CodeSource(url(inner, ""), (Certificate[]) null);
          ProtectionDomain domain = new ProtectionDomain(source, null, this, null);
          return defineClass(name, bytes, 0, bytes.length, domain);
        } catch (IOException e) {
          // It is in another one.
        }
      }
      throw new ClassNotFoundException(name);
    }

    @Override
    protected URL findResource(String name) {
      try {
        Enumeration<URL> all = findResources(name);
        return all.hasMoreElements() ? all.nextElement() : null;
      } catch (IOException e) {
        return null;
      }
    }

    @Override
    protected Enumeration<URL> findResources(String name) throws IOException {
      List<URL> found = new java.util.ArrayList<>();
      for (String inner : names) {
        try {
          url(inner, name).openStream().close();
          found.add(url(inner, name));
        } catch (IOException e) {
          // It is not in this one.
        }
      }
      return Collections.enumeration(found);
    }
  }

  private static final class NestedHandler extends URLStreamHandler {
    private final Path outer;
    private final String inner;
    private final String path;

    NestedHandler(Path outer, String inner, String path) {
      this.outer = outer;
      this.inner = inner;
      this.path = path;
    }

    @Override
    protected URLConnection openConnection(URL url) throws IOException {
      URL plain = new URL("jar:" + outer.toUri() + "!/" + inner);
      return new JarURLConnection(plain) {
        @Override
        public JarFile getJarFile() throws IOException {
          // Nothing can be loaded from it but through this connection.
          Path copy = Files.createTempFile("nested-", ".jar");
          try (JarFile jar = new JarFile(outer.toFile());
              InputStream in = jar.getInputStream(jar.getEntry(inner))) {
            Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
            return new JarFile(copy.toFile());
          } finally {
            Files.delete(copy);
          }
        }

        @Override
        public void connect() {}

        @Override
        public InputStream getInputStream() throws IOException {
          JarFile jar = getJarFile();
          JarEntry entry = path.isEmpty() ? null : jar.getJarEntry(path);
          if (entry == null) {
            jar.close();
            throw new IOException("no entry " + path);
          }
          byte[] bytes;
          try (jar;
              InputStream in = jar.getInputStream(entry)) {
            bytes = in.readAllBytes();
          }
          return new java.io.ByteArrayInputStream(bytes);
        }
      };
    }
  }
}

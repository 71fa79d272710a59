package user;

import io.asyncpal.ProcessPool;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/** Runs a web application in Tomcat, where classes come from the container's own loader. */
public final class TomcatUser {
  private static final Path JARS = Path.of("/usr/share/java");
  private static final long LIMIT = 240; // s

  private static final String SERVLET =
      """
      import io.asyncpal.ProcessPool;
      import io.asyncpal.ThreadPool;
      import jakarta.servlet.annotation.WebServlet;
      import jakarta.servlet.http.*;

      @WebServlet("/work")
      public class Work extends HttpServlet {
        static int seven() { return 7; }
        @Override protected void doGet(HttpServletRequest in, HttpServletResponse out)
            throws java.io.IOException {
          try (ThreadPool threads = new ThreadPool(1); ProcessPool processes = new ProcessPool(1)) {
            out.getWriter().println("threads: " + threads.submit(() -> seven()).get());
            out.getWriter().println("processes: " + processes.submit(() -> seven()).get());
            long pid = processes.submit(() -> ProcessHandle.current().pid()).get();
            out.getWriter().println("apart: " + (pid != ProcessHandle.current().pid()));
          } catch (Exception e) {
            e.printStackTrace(out.getWriter());
          }
        }
      }
      """;

  private static final String CONTAINER =
      """
      import java.io.File;
      import java.net.URI;
      import java.net.http.*;
      import org.apache.catalina.startup.Tomcat;

      public class Container {
        public static void main(String[] args) throws Exception {
          Tomcat tomcat = new Tomcat();
          tomcat.setBaseDir(args[1]);
          tomcat.setPort(0);
          tomcat.getConnector().setProperty("address", "127.0.0.1");
          var context = tomcat.addWebapp("", new File(args[0]).getAbsolutePath());
          context.setContainerSciFilter(".*Jasper.*|.*WsSci.*");
          tomcat.start();
          URI uri = URI.create(
              "http://127.0.0.1:" + tomcat.getConnector().getLocalPort() + "/work");
          System.out.println(HttpClient.newHttpClient()
              .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
              .body());
          tomcat.stop();
          System.exit(0);
        }
      }
      """;

  private TomcatUser() {}

  public static void main(String[] args) throws Exception {
    String tomcat = tomcatJars();
    if (tomcat.isEmpty()) {
      System.out.println("SKIPPED: the package libtomcat10-embed-java is not installed");
      return;
    }
    Path folder = Files.createTempDirectory("tomcat-");
    try {
      Path asyncpal =
          Path.of(ProcessPool.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      Path library = Files.createDirectories(folder.resolve("war/WEB-INF/lib"));
      Files.copy(
          asyncpal, library.resolve(asyncpal.getFileName()), StandardCopyOption.REPLACE_EXISTING);
      Files.createDirectories(folder.resolve("base/webapps"));
      compile(
          "Work", SERVLET, tomcat + ":" + asyncpal, folder.resolve("war/WEB-INF/classes"));
      compile("Container", CONTAINER, tomcat, folder.resolve("container"));
      String output = run(folder, tomcat);
      for (String line : List.of("threads: 7", "processes: 7", "apart: true")) {
        if (!output.contains(line)) {
          throw new AssertionError("no \"" + line + "\" in\n" + output);
        }
      }
    } finally {
      try (Stream<Path> files = Files.walk(folder)) {
        files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      }
    }
  }

  private static String tomcatJars() throws IOException {
    try (Stream<Path> files = Files.list(JARS)) {
      return files
          .filter(
              file ->
                  file.getFileName()
                      .toString()
                      .matches("tomcat10-(embed-(core|el)|annotations-api)\\.jar"))
          .map(Path::toString)
          .collect(Collectors.joining(File.pathSeparator));
    }
  }

  private static void compile(String name, String source, String classPath, Path to)
      throws IOException {
    Files.createDirectories(to);
    Path file = Files.writeString(to.resolve(name + ".java"), source);
    int code =
        ToolProvider.getSystemJavaCompiler()
            .run(null, null, null, "-cp", classPath, "-d", to.toString(), file.toString());
    if (code != 0) {
      throw new AssertionError(name + " does not compile");
    }
  }

  private static String run(Path folder, String tomcat) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"));
    command.addAll(List.of("-cp", folder.resolve("container") + File.pathSeparator + tomcat));
    command.addAll(List.of("Container", folder + "/war", folder + "/base"));
    Path output = folder.resolve("output.txt");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    boolean ended = process.waitFor(LIMIT, TimeUnit.SECONDS);
    process.destroyForcibly();
    String text = Files.readString(output);
    if (!ended || process.exitValue() != 0) {
      throw new AssertionError("Tomcat failed:\n" + text);
    }
    return text;
  }
}

package io.asyncpal;

import java.io.File;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which options of this JVM its workers get, too: all that make it what it is, and none that JVMs
 * can't share.
 */
final class JvmOptions {
  /**
   * Where a JVM finds options beside its command line. Those of this one are among its own; a
   * worker doesn't get the variables.
   */
  static final List<String> VARIABLES =
      List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS");

  /** Where the code comes from; the rest is how it runs. */
  private static final Pattern MODULES =
      Pattern.compile("--(module-path|upgrade-module-path|add-modules|limit-modules)=.*");

  private static final Pattern COLLECTOR = Pattern.compile("-XX:[+-]Use\\w+GC|-Xconc?gc|-Xincgc");

  /** Never shared, whatever their values are. */
  private static final Pattern LEFT_OUT =
      Pattern.compile(
          String.join(
              "|",
              // A debugger, and other agents of the JDK that listen.
              "-agentlib:(jdwp|hprof).*",
              "-Xrun.*",
              "-Xdebug|-Xnoagent",
              "-D(com\\.sun\\.management\\.|java\\.rmi\\.server\\.hostname).*",
              "-XX:[+-]ManagementServer",
              // Recordings and archives, which all would write or not find their own in.
              "-XX:(StartFlightRecording|FlightRecorderOptions)\\b.*",
              "-XX:[+-](FlightRecorder|DumpSharedSpaces|DynamicDumpSharedSpaces)",
              "-XX:[+-](AutoCreateSharedArchive|RecordDynamicDumpInfo|ArchiveClassesAtExit)",
              "-XX:(SharedArchive|ArchiveClasses|DumpLoadedClass|SharedClassList|ArchiveLambda).*",
              "-XX:(AOTCache|AOTCacheOutput|AOTConfiguration|AOTMode|CRaC)\\w*=.*",
              "-Xshare:dump",
              // Memory that is taken before it is needed: as many times as there are workers.
              "-Xms.*",
              "-XX:(Initial|Min)(HeapSize|RAMPercentage|RAMFraction)=.*",
              "-XX:[+-]AlwaysPreTouch(Stacks)?",
              // What this library has set for a worker.
              "-Dasyncpal\\.(worker|native\\.file)\\b.*",
              "-Djava\\.class\\.path=.*"),
          Pattern.DOTALL);

  /** A file that is written; the last group is its name. */
  private static final Pattern FILE =
      Pattern.compile("-Xloggc:(.+)|-XX:(LogFile|ErrorFile|HeapDumpPath|ReplayDataFile)=(.+)");

  private static final Pattern LOG = Pattern.compile("-Xlog:[^:]*:(.*)");

  /** An agent, and what it is told. */
  private static final Pattern AGENT =
      Pattern.compile("-(?:javaagent|agentpath|agentlib):([^=]*)(?:=(.*))?", Pattern.DOTALL);

  /** Says to an agent where it should listen: "port=8778", "9404:config.yml", "0.0.0.0:6300". */
  private static final Pattern ADDRESS =
      Pattern.compile(
          "(?i).*(\\b\\w*(port|address|listen)\\w*\\s*[=:]|output=tcpserver"
              + "|(^|[,;])([\\w.-]+:)?\\d{2,5}(:|,|;|$)).*",
          Pattern.DOTALL);

  private JvmOptions() {}

  /** Those that this JVM was started with, by whatever way, as one word each. */
  static List<String> ofThisJvm() {
    try {
      return ManagementFactory.getRuntimeMXBean().getInputArguments();
    } catch (LinkageError | SecurityException e) {
      return List.of(); // this runtime is without java.management
    }
  }

  /** Those of {@code options} that a worker is to have for its code to be found. */
  static List<String> modulesOf(List<String> options) {
    return options.stream().filter(option -> MODULES.matcher(option).matches()).toList();
  }

  /**
   * Those of {@code options} that a worker can have in all other respects.
   *
   * @param own the user's, which win
   */
  static List<String> inheritedFrom(List<String> options, List<String> own) {
    boolean hasCollector = namesCollector(own);
    List<String> inherited = new ArrayList<>();
    for (String option : options) {
      if (!MODULES.matcher(option).matches()
          && !LEFT_OUT.matcher(option).matches()
          && !(hasCollector && COLLECTOR.matcher(option).matches())
          && !listens(option)
          && !writesOneFile(option)) {
        inherited.add(option);
      }
    }
    return inherited;
  }

  /** Whether one of them says which garbage collector it is to be, or may say so in a file. */
  static boolean namesCollector(List<String> options) {
    return options.stream()
        .anyMatch(
            option ->
                COLLECTOR.matcher(option).matches()
                    || option.startsWith("@")
                    || option.startsWith("-XX:Flags=")
                    || option.startsWith("-XX:VMOptionsFile="));
  }

  private static boolean listens(String option) {
    Matcher agent = AGENT.matcher(option);
    if (!agent.matches()) {
      return false;
    }
    String name = agent.group(1).substring(agent.group(1).lastIndexOf(File.separatorChar) + 1);
    // This one has a port of its own where none is named.
    return name.contains("jolokia")
        || (agent.group(2) != null && ADDRESS.matcher(agent.group(2)).matches());
  }

  private static boolean writesOneFile(String option) {
    Matcher log = LOG.matcher(option);
    if (log.matches()) {
      String output = log.group(1);
      return !output.isEmpty()
          && !output.matches("(stdout|stderr|#\\d+)?(:.*)?")
          && !isOwnOfEach(output);
    }
    Matcher file = FILE.matcher(option);
    if (!file.matches()) {
      return false;
    }
    String name = file.group(1) != null ? file.group(1) : file.group(3);
    return !isOwnOfEach(name) && !isFolder(name);
  }

  /** The JVM puts its process id there. */
  private static boolean isOwnOfEach(String name) {
    return name.contains("%p");
  }

  private static boolean isFolder(String name) {
    try {
      return Files.isDirectory(Path.of(name));
    } catch (InvalidPathException e) {
      return false;
    }
  }
}

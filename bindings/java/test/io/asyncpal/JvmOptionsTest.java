package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class JvmOptionsTest {
  private static List<String> inherited(String... options) {
    return JvmOptions.inheritedFrom(List.of(options), List.of());
  }

  @Test
  void keepsWhatMakesAJvm() {
    List<String> options =
        List.of(
            "-Dmy.prop=a b",
            "-ea",
            "-Xmx1g",
            "-Xss2m",
            "-XX:MaxRAMPercentage=50",
            "--enable-preview",
            "--add-opens=java.base/java.lang=ALL-UNNAMED",
            "-javaagent:/opt/agent.jar",
            "-javaagent:/opt/opentelemetry.jar=name=service",
            "-XX:OnOutOfMemoryError=kill %p",
            "-Xbootclasspath/a:/opt/boot.jar");
    assertEquals(options, JvmOptions.inheritedFrom(options, List.of()));
  }

  @Test
  void leavesOutWhatListens() {
    assertEquals(
        List.of(),
        inherited(
            "-agentlib:jdwp=transport=dt_socket,server=y,address=*:5005",
            "-Xrunjdwp:transport=dt_socket,server=y,address=5005",
            "-Xdebug",
            "-Dcom.sun.management.jmxremote.port=9010",
            "-XX:+ManagementServer",
            "-javaagent:/opt/jmx_prometheus_javaagent.jar=9404:config.yml",
            "-javaagent:/opt/jacocoagent.jar=output=tcpserver,port=6300",
            "-javaagent:/opt/jolokia-agent.jar",
            "-agentpath:/opt/profiler.so=port=10001,nowait"));
  }

  @Test
  void leavesOutFilesThatAllWouldWrite() {
    assertEquals(
        List.of(),
        inherited(
            "-Xlog:gc*:file=gc.log",
            "-Xlog:gc*:gc.log:time",
            "-Xloggc:gc.log",
            "-XX:ErrorFile=/var/log/error.log",
            "-XX:HeapDumpPath=/nowhere/heap.hprof",
            "-XX:StartFlightRecording=filename=a.jfr",
            "-XX:StartFlightRecording",
            "-XX:ArchiveClassesAtExit=a.jsa",
            "-XX:SharedArchiveFile=a.jsa",
            "-Xshare:dump"));
  }

  @Test
  void keepsFilesThatAreOfOneProcess() {
    List<String> options =
        List.of(
            "-Xlog:gc*:file=gc-%p.log",
            "-Xlog:gc*",
            "-Xlog:gc*:stderr:time",
            "-Xlog:disable",
            "-XX:ErrorFile=/var/log/error-%p.log",
            "-XX:HeapDumpPath=/tmp");
    assertEquals(options, JvmOptions.inheritedFrom(options, List.of()));
  }

  @Test
  void leavesOutMemoryThatIsTakenAheadOfTime() {
    assertEquals(
        List.of("-Xmx2g"),
        inherited("-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch", "-XX:InitialRAMPercentage=50"));
  }

  @Test
  void leavesTheCollectorToTheUser() {
    List<String> g1 = List.of("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=50");
    assertEquals(g1, JvmOptions.inheritedFrom(g1, List.of("-Xmx1g")));
    assertEquals(
        List.of("-XX:MaxGCPauseMillis=50"),
        JvmOptions.inheritedFrom(g1, List.of("-XX:+UseParallelGC")));
  }

  @Test
  void findsWhoNamesACollector() {
    for (String option :
        List.of("-XX:+UseZGC", "-XX:-UseSerialGC", "-XX:+UseShenandoahGC", "@options.txt")) {
      assertTrue(JvmOptions.namesCollector(List.of("-ea", option)), option);
    }
    assertFalse(JvmOptions.namesCollector(List.of("-XX:+UseStringDeduplication", "-Xmx1g")));
  }

  @Test
  void keepsModulesApart() {
    List<String> options =
        List.of("--module-path=/a:/b", "--add-modules=java.sql", "--add-reads=a=b", "-ea");
    assertEquals(
        List.of("--module-path=/a:/b", "--add-modules=java.sql"), JvmOptions.modulesOf(options));
    assertEquals(
        List.of("--add-reads=a=b", "-ea"), JvmOptions.inheritedFrom(options, List.of()));
  }
}

#!/bin/bash
# Uses a Maven repository as its users do: a new project in an empty folder,
# resolved, compiled and run by Maven alone. Its plugins are Debian's.
# maven_test.sh <repository> <group> <artifact> <version> <main class> <source...>
set -eu
repository=$(readlink -f "$1") group=$2 artifact=$3 version=$4 main_class=$5
shift 5

root=$(mktemp -d "$TEST_TMPDIR/maven.XXXXXX")
mkdir -p "$root/home" "$root/tmp" "$root/app/src/main/java"
for source; do
  package=$(sed -n 's/^package \(.*\);/\1/p' "$source")
  mkdir -p "$root/app/src/main/java/${package//.//}"
  cp -L "$source" "$root/app/src/main/java/${package//.//}"
done

dependency() {
  echo "<dependency><groupId>$group</groupId>
    <artifactId>$artifact</artifactId><version>$version</version>$1</dependency>"
}
plugin() {
  echo "<plugin><groupId>$1</groupId><artifactId>$2</artifactId>
    <version>$3</version></plugin>"
}

cat >"$root/app/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>user</groupId>
  <artifactId>user</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <repositories>
    <repository>
      <id>package</id>
      <url>file://$repository</url>
      <releases><checksumPolicy>fail</checksumPolicy></releases>
    </repository>
  </repositories>
  <dependencies>
    $(dependency "")
    $(for classifier in sources javadoc debug; do
      dependency "<classifier>$classifier</classifier><scope>provided</scope>"
    done)
  </dependencies>
  <build>
    <plugins>
      $(plugin org.apache.maven.plugins maven-compiler-plugin 3.10.1)
      $(plugin org.apache.maven.plugins maven-resources-plugin 3.3.0)
      $(plugin org.codehaus.mojo exec-maven-plugin 3.1.0)
    </plugins>
  </build>
</project>
END
cat >"$root/settings.xml" <<END
<settings>
  <localRepository>$root/local</localRepository>
  <mirrors>
    <mirror>
      <id>debian</id>
      <mirrorOf>central</mirrorOf>
      <url>file:///usr/share/maven-repo</url>
    </mirror>
  </mirrors>
</settings>
END

cd "$root/app"
env -i PATH=/usr/bin:/bin HOME="$root/home" LC_ALL=C.UTF-8 \
  MAVEN_OPTS="-XX:TieredStopAtLevel=1 -Duser.home=$root/home" \
  mvn --batch-mode --quiet --settings "$root/settings.xml" compile exec:exec \
  -Dexec.executable=java \
  "-Dexec.args=-Djava.io.tmpdir=$root/tmp -cp %classpath $main_class"

# All that was asked for has come from the repository.
cd "$root/local/${group//.//}/$artifact/$version"
for ending in .jar .pom -sources.jar -javadoc.jar -debug.jar; do
  [ -f "$artifact-$version$ending" ] || {
    echo "FAILED: Maven did not get $artifact-$version$ending" >&2
    exit 1
  }
done

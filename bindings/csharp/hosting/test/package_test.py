#!/usr/bin/env python3
"""Uses the packages as their users do: in a web project that dotnet alone builds.

usage: package_test.py DOTNET FRAMEWORK SDK_COMMAND VERSION PACKAGE...
  -- SERVICE HELLO OPTIONS LOGS

The service is started as a process of its own, asked over HTTP, and stopped by
SIGTERM while a request is in flight. HELLO, the first snippet of the README, is
compiled as pasted; OPTIONS finds by reflection what configuration can set; LOGS
has no host.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

LIMIT = 120  # seconds; machines are slow

PROJECT = """
<Project Sdk="Microsoft.NET.Sdk.Web">
  <PropertyGroup>
    <TargetFramework>%s</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <AssemblyName>%s</AssemblyName>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Asyncpal.Extensions.Hosting" Version="%s" />
  </ItemGroup>
</Project>
"""

# No other package can be restored.
CONFIG = """
<configuration>
  <packageSources><clear /><add key="feed" value="%s" /></packageSources>
  <fallbackPackageFolders><clear /></fallbackPackageFolders>
</configuration>
"""


class Site:
  """Packages in a folder, and programs that are built with them."""

  def __init__(self, dotnet, framework, sdk_command, version, packages):
    self.build_command = [sdk_command, dotnet, "build"]
    self.framework = framework
    self.version = version
    self.root = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
    self.feed = self.root / "feed"
    self.feed.mkdir()
    for package in packages:
      shutil.copy(package, self.feed)
    (self.root / "home").mkdir()
    # Nothing of the test's environment, such as the runfiles or a library path.
    self.env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(self.root / "home"),
        "LC_ALL": "C.UTF-8",
        "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
        "DOTNET_NOLOGO": "1",
        "DOTNET_GENERATE_ASPNET_CERTIFICATE": "false",
        "DOTNET_ROOT": str(pathlib.Path(dotnet).parent),
    }

  def build(self, name, source):
    folder = self.root / name
    folder.mkdir()
    shutil.copy(source, folder / "Program.cs")
    (folder / f"{name}.csproj").write_text(
        PROJECT % (self.framework, name, self.version))
    (folder / "NuGet.Config").write_text(CONFIG % self.feed)
    subprocess.run(
        [*self.build_command, "--disable-build-servers", "--verbosity", "quiet",
         "--output", str(self.root / f"{name}.out"), "-warnaserror"],
        cwd=folder, env=self.env, check=True)
    return self.root / f"{name}.out" / name


class Service:
  """The program, as long as it runs."""

  def __init__(self, site, program, *args):
    self.folder = pathlib.Path(tempfile.mkdtemp(dir=site.root))
    self.process = subprocess.Popen(
        [program, self.folder, "--urls", "http://127.0.0.1:0", *args],
        cwd=self.folder, env=site.env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    self.output = []
    self.listening = threading.Event()
    self.url = None
    self.reader = threading.Thread(target=self._read)
    self.reader.start()

  def _read(self):
    for line in self.process.stdout:
      self.output.append(line)
      found = re.search(r"Now listening on: (http://\S+)", line)
      if found:
        self.url = found[1]
        self.listening.set()

  def get(self, path):
    """Status and text."""
    if not self.listening.wait(LIMIT):
      raise TimeoutError("".join(self.output))
    try:
      with urllib.request.urlopen(self.url + path, timeout=LIMIT) as answer:
        return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
      return error.code, error.read().decode()

  def await_file(self, name):
    deadline = time.monotonic() + LIMIT
    while not (self.folder / name).exists():
      if time.monotonic() > deadline:
        raise TimeoutError(f"no {name}:\n" + "".join(self.output))
      time.sleep(0.01)

  def await_output(self, text):
    deadline = time.monotonic() + LIMIT
    while text not in "".join(self.output):
      if time.monotonic() > deadline:
        raise TimeoutError(f"no '{text}':\n" + "".join(self.output))
      time.sleep(0.01)

  def wait(self):
    code = self.process.wait(LIMIT)
    self.reader.join(LIMIT)
    self.process.stdout.close()
    return code

  def __enter__(self):
    return self

  def __exit__(self, *_):
    if self.process.poll() is None:
      self.process.kill()
      self.wait()


class PackageTest(unittest.TestCase):

  @classmethod
  def setUpClass(cls):
    cls.site = Site(DOTNET, FRAMEWORK, SDK_COMMAND, VERSION, PACKAGES)
    cls.program = cls.site.build("service", SERVICE)

  def test_first_snippet_of_the_readme_compiles_as_pasted(self):
    self.site.build("hello", HELLO)

  def test_configuration_sets_every_option(self):
    program = self.site.build("options", OPTIONS)
    output = subprocess.run(
        [program], env=self.site.env, text=True, check=True, timeout=LIMIT,
        stdout=subprocess.PIPE).stdout
    self.assertRegex(output, r"^bound: \d\d\n$")

  def test_reports_go_to_a_logger_factory_without_a_host(self):
    program = self.site.build("logs", LOGS)
    output = subprocess.run(
        [program], env=self.site.env, text=True, check=True, timeout=LIMIT,
        stdout=subprocess.PIPE).stdout
    self.assertRegex(
        output, r"^Error Asyncpal: .*a posted task failed: (.|\n)*bad page")

  def test_pools_are_warm_when_requests_come(self):
    with Service(self.site, self.program, "--Processes:MaxWorkers=3") as service:
      self.assertEqual((200, "2 1 3"), service.get("/workers"))
      self.assertEqual((200, "Healthy"), service.get("/health"))
      pid = int(service.get("/pid")[1])
      self.assertNotEqual(service.process.pid, pid)

  def test_request_in_flight_is_answered_at_sigterm(self):
    with Service(self.site, self.program) as service:
      answers = []
      request = threading.Thread(
          target=lambda: answers.append(service.get("/slow")))
      request.start()
      service.await_file("begun")
      service.process.send_signal(signal.SIGTERM)
      service.await_output("Application is shutting down")
      (service.folder / "go").touch()
      request.join(LIMIT)
      self.assertEqual([(200, "slow but sure")], answers)
      self.assertEqual(0, service.wait())

  def test_what_was_posted_runs_before_the_end(self):
    with Service(self.site, self.program) as service:
      self.assertEqual((200, "posted"), service.get("/later"))
      service.process.send_signal(signal.SIGTERM)
      service.await_output("Application is shutting down")
      (service.folder / "go").touch()
      self.assertEqual(0, service.wait(), "".join(service.output))
      self.assertTrue((service.folder / "drained").exists())
      self.assertIn("ThreadPool 'threads': a posted task failed",
                    "".join(service.output))

  def test_health_is_bad_once_a_pool_is_broken(self):
    with Service(self.site, self.program) as service:
      self.assertEqual((200, "Healthy"), service.get("/health"))
      service.get("/break")
      deadline = time.monotonic() + LIMIT
      while (answer := service.get("/health"))[0] == 200:
        self.assertLess(time.monotonic(), deadline)
      self.assertEqual((503, "Unhealthy"), answer)

  def test_options_that_are_out_of_range_end_the_start(self):
    with Service(self.site, self.program, "--Processes:MaxWorkers=-3") as service:
      self.assertNotEqual(0, service.wait())
      self.assertIn(
          "MaxWorkers of the pool 'processes' is -3; it must not be negative",
          "".join(service.output))
    with Service(self.site, self.program,
                 "--Processes:InitializerTimeout=-00:00:03") as service:
      self.assertNotEqual(0, service.wait())
      self.assertIn(
          "InitializerTimeout of the pool 'processes' is -00:00:03; it must not be"
          " negative", "".join(service.output))


if __name__ == "__main__":
  split = sys.argv.index("--")
  DOTNET, FRAMEWORK, SDK_COMMAND, VERSION, *PACKAGES = [
      os.path.abspath(arg) if os.path.exists(arg) else arg
      for arg in sys.argv[1:split]
  ]
  SERVICE, HELLO, OPTIONS, LOGS = map(os.path.abspath, sys.argv[split + 1:])
  unittest.main(argv=sys.argv[:1], verbosity=2)

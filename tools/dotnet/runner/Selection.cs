using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit.Abstractions;

namespace Asyncpal.Testing;

/// Which tests to run: what Bazel's --test_filter and shards leave.
internal sealed class Selection(string filter, int shard, int shardCount)
{
    private readonly Regex _pattern = ToPattern(filter);

    public static Selection FromEnvironment()
    {
        string? statusFile = Get("TEST_SHARD_STATUS_FILE");
        if (statusFile != null)
        {
            // Tells Bazel that this program knows what shards are.
            File.WriteAllText(statusFile, "");
        }
        return new Selection(
            Get("TESTBRIDGE_TEST_ONLY") ?? "",
            int.Parse(Get("TEST_SHARD_INDEX") ?? "0", CultureInfo.InvariantCulture),
            int.Parse(Get("TEST_TOTAL_SHARDS") ?? "1", CultureInfo.InvariantCulture));
    }

    public bool Matches(ITestCase test) => _pattern.IsMatch(test.DisplayName);

    /// Every shard calls this with the same tests, in whatever order.
    public IEnumerable<ITestCase> TakeShard(IEnumerable<ITestCase> tests) =>
        tests.OrderBy(test => test.DisplayName, StringComparer.Ordinal)
            .Where((_, index) => index % shardCount == shard)
            .ToList();

    public override string ToString() =>
        filter == "" ? "every test" : $"--test_filter={filter}";

    private static string? Get(string name)
    {
        string? value = Environment.GetEnvironmentVariable(name);
        return string.IsNullOrEmpty(value) ? null : value;
    }

    /// With a * or ? in it, the filter is the pattern of a whole name.
    private static Regex ToPattern(string filter)
    {
        string pattern = Regex.Escape(filter);
        if (filter.Contains('*') || filter.Contains('?'))
        {
            pattern = "^"
                + pattern.Replace(@"\*", ".*").Replace(@"\?", ".") + "$";
        }
        return new Regex(pattern, RegexOptions.CultureInvariant);
    }
}

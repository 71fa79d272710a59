using System;
using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Linq;
using System.Net;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What travels to a worker and back, and what is refused in the call.
public class ProcessValuesTest(WorkerForValues worker) : IClassFixture<WorkerForValues>
{
    public sealed record Point(int X, double Y, string? Name);

    public readonly struct Celsius(double degrees)
    {
        public double Degrees { get; } = degrees;
    }

    public sealed class TwoConstructors
    {
        public TwoConstructors(int a)
            : this(a, 0)
        {
        }

        public TwoConstructors(int a, int b)
        {
            A = a;
            B = b;
        }

        public int A { get; }

        public int B { get; }
    }

    public sealed class FullProperty
    {
        private int _count;

        public int Count
        {
            get => _count;
            set => _count = value;
        }

        public int Twice => 2 * _count;

        public int Fails => throw new InvalidOperationException("not for JSON");
    }

    public sealed class OwnCache
    {
        [JsonIgnore]
        private int _hash;

        public int Value { get; set; }

        public int Hash => _hash != 0 ? _hash : _hash = Value + 1;
    }

    public sealed class Skipping
    {
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
        public int Value { get; set; } = 5;
    }

    public sealed class GetOnly
    {
        public int Total { get; } = Environment.ProcessId;
    }

    public sealed class PrivateSetter
    {
        public int Total { get; private set; }
    }

    public sealed class PrivateField
    {
        private readonly int _hidden = Environment.ProcessId;

        public int Open { get; set; }

        public int Sum => Open + _hidden;
    }

    public sealed class GetOnlyList
    {
        public List<int> Items { get; } = [];
    }

    public sealed class Nested
    {
        public GetOnly[]? Parts { get; set; }
    }

    public class Animal
    {
        public string Name { get; set; } = "";
    }

    public sealed class Dog : Animal
    {
        public int Age { get; set; }
    }

    [JsonDerivedType(typeof(Circle), "circle")]
    [JsonDerivedType(typeof(Square), "square")]
    public abstract record Shape;

    public sealed record Circle(double Radius) : Shape;

    public sealed record Square(double Side) : Shape;

    [JsonDerivedType(typeof(Untold))]
    public record Base(int Id);

    public sealed record Untold(int Id, int More) : Base(Id);

    public abstract record Unknown;

    public sealed class MyList : List<int>
    {
        public int Extra { get; set; }
    }

    public sealed class PlainList : List<int>;

    public unsafe struct Fixed
    {
        public fixed int Values[4];
    }

    public enum Color : byte
    {
        Red,
        Green = 200,
    }

    private static T Echo<T>(T value) => value;

    private Task<T> Send<T>(T value) => worker.Pool.SubmitAsync(Echo<T>, value).Soon();

    private async Task Travels<T>(T value) => Assert.Equal(value, await Send(value));

    private SerializationException Refused<T>(T value) =>
        Assert.Throws<SerializationException>(() => { Send(value); });

    [Fact]
    public async Task NumbersTravel()
    {
        await Travels(BigInteger.Pow(2, 100));
        await Travels(-BigInteger.Pow(7, 300));
        await Travels(new Complex(1.5, double.NaN));
        await Travels(Int128.MinValue);
        await Travels(UInt128.MaxValue);
        await Travels((Half)1.5);
        await Travels(double.NegativeInfinity);
        await Travels(double.Epsilon);
        await Travels(float.NaN);
        await Travels(decimal.MinValue);
        await Travels((int?)null);
        await Travels((long?)long.MinValue);
        Assert.Equal(1 / -0.0, 1 / await Send(-0.0));
        Assert.Equal("1.10", (await Send(1.10m)).ToString(null, null));
    }

    [Fact]
    public async Task TextTravels()
    {
        await Travels("ä\0\"\\ \u2028 😀");
        await Travels("half \ud800 a pair");
        await Travels('\ud800');
        await Travels(new Rune(0x1f600));
        Assert.Equal("abc", (await Send(new StringBuilder("abc"))).ToString());
        await Travels<string?>(null);
    }

    [Fact]
    public async Task PlacesAndTimesTravel()
    {
        await Travels(new Uri("/a?b", UriKind.Relative));
        await Travels(new Uri("http://x.y/%20"));
        Assert.False((await Send(new Uri("/a", UriKind.Relative))).IsAbsoluteUri);
        await Travels(new Version(1, 2));
        await Travels(IPAddress.Loopback);
        await Travels(IPAddress.Parse("fe80::1%3"));
        await Travels(new IPEndPoint(IPAddress.IPv6Any, 80));
        await Travels(Guid.NewGuid());
        await Travels(TimeSpan.MinValue);
        await Travels(DateOnly.MaxValue);
        await Travels(TimeOnly.MaxValue);
        await Travels(DateTimeOffset.MaxValue);
        foreach (DateTimeKind kind in Enum.GetValues<DateTimeKind>())
        {
            var time = new DateTime(DateTime.MinValue.Ticks + 1, kind);
            DateTime back = await Send(time);
            Assert.Equal((time, kind), (back, back.Kind));
        }
    }

    [Fact]
    public async Task IndicesAndBitsTravel()
    {
        await Travels(^5);
        await Travels(1..^0);
        await Travels((Index)3);
        await Travels(Color.Green);
        await Travels((Color)7);
        await Travels(new BitArray([true, false, true]));
        await Travels(new byte[] { 0, 255 });
        ReadOnlyMemory<byte> memory = new byte[] { 1, 2 };
        Assert.Equal(new byte[] { 1, 2 }, (await Send(memory)).ToArray());
    }

    [Fact]
    public async Task CollectionsTravel()
    {
        await Travels(new Stack<int>([1, 2, 3]));
        await Travels(new ConcurrentStack<int>([1, 2, 3]));
        await Travels(new Queue<string>(["a", "b"]));
        await Travels(new LinkedList<int>([1, 2]));
        await Travels(ImmutableStack.Create(1, 2, 3));
        Assert.Equal(new[] { 1, 2 }, (await Send(ImmutableArray.Create(1, 2))).ToArray());
        Assert.True((await Send(default(ImmutableArray<int>))).IsDefault);
        Assert.True((await Send(FrozenSet.Create(1, 2))).SetEquals([1, 2]));
        await Travels(new ArraySegment<int>([1, 2, 3], 1, 2).ToArray());
        var segment = new ArraySegment<int>([1, 2, 3], 1, 2);
        Assert.Equal(new[] { 2, 3 }, (await Send(segment)).ToArray());
        await Travels(new ReadOnlyCollection<int>([1, 2]));
        await Travels(new int[,] { { 1, 2, 3 }, { 4, 5, 6 } });
        await Travels(new string?[][,] { new string?[,] { { "a" }, { null } } });
        await Travels<IReadOnlyList<int>>([1, 2]);
        Assert.IsType<PlainList>(await Send(new PlainList { 1, 2 }));
    }

    [Fact]
    public async Task DictionariesTravelWithTheirKeys()
    {
        await Travels(new Dictionary<(int, string), Point> { [(1, "a")] = new(1, 2, null) });
        await Travels(new SortedDictionary<Version, int> { [new(2, 0)] = 1, [new(1, 0)] = 2 });
        await Travels(new Dictionary<Color, int> { [(Color)9] = 1 });
        await Travels(new ConcurrentDictionary<double, int> { [double.NaN] = 1 });
        await Travels(ImmutableDictionary.Create<string, int>().Add("a\ud800", 1));
        await Travels<IReadOnlyDictionary<int, int>>(new Dictionary<int, int> { [1] = 2 });
    }

    [Fact]
    public async Task ComparersOfThePlatformTravel()
    {
        var map = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase) { ["Host"] = 1 };
        Assert.Equal(1, (await Send(map))["HOST"]);
        IDictionary<string, int> same = map;
        Assert.Equal(1, (await Send(same))["HOST"]);
        var set = new SortedSet<string>(StringComparer.OrdinalIgnoreCase) { "a" };
        Assert.Contains("A", await Send(set));
    }

    [Fact]
    public void ComparerOfItsOwnIsRefused()
    {
        var sorted = new SortedSet<int>(Comparer<int>.Create((a, b) => b.CompareTo(a)));
        Assert.Contains("comparer", Refused(sorted).Message);
    }

    [Fact]
    public async Task ObjectsTravel()
    {
        await Travels(new Point(1, double.NaN, null));
        await Travels((1, "ä\0", (2.5, 'c')));
        await Travels((1, 2, 3, 4, 5, 6, 7, 8, 9));
        await Travels(Tuple.Create(1, "a"));
        await Travels(new KeyValuePair<int, string>(1, "a"));
        await Travels(new { Name = "a", Parts = (1, 2) });
        Assert.Equal(20.5, (await Send(new Celsius(20.5))).Degrees);
        TwoConstructors two = await Send(new TwoConstructors(1, 2));
        Assert.Equal((1, 2), (two.A, two.B));
        Assert.Equal(7, (await Send(new FullProperty { Count = 7 })).Count);
        Assert.Equal(8, (await Send(new OwnCache { Value = 7 })).Hash);
        Assert.Equal(0, (await Send(new Skipping { Value = 0 })).Value);
    }

    [Fact]
    public void WhatWouldBeLostIsRefusedByTypeAndMember()
    {
        Assert.Contains("GetOnly.Total", Refused(new GetOnly()).Message);
        Assert.Contains("PrivateSetter.Total", Refused(new PrivateSetter()).Message);
        Assert.Contains("PrivateField._hidden", Refused(new PrivateField()).Message);
        Assert.Contains("GetOnlyList.Items", Refused(new GetOnlyList()).Message);
        string nested = Refused(new Dictionary<int, Nested>()).Message;
        Assert.Contains("Nested.Parts", nested);
        Assert.Contains("GetOnly.Total", nested);
        Assert.Contains("MyList", Refused(new MyList()).Message);
        Assert.Contains("Fixed.Values", Refused(default(Fixed)).Message);
        Assert.Equal(0, worker.Pool.Stats().Running);
    }

    [Fact]
    public void ResultThatWouldBeLostIsRefusedInTheCall()
    {
        long before = worker.Pool.Stats().Submitted;
        var error = Assert.Throws<SerializationException>(
            () => { worker.Pool.SubmitAsync(static () => new GetOnly()); });
        Assert.Contains("the result of", error.Message);
        Assert.Contains("GetOnly.Total", error.Message);
        Assert.Equal(before, worker.Pool.Stats().Submitted);
    }

    [Fact]
    public async Task OnlyDeclaredPolymorphismTravels()
    {
        Shape[] shapes = [new Circle(1), new Square(2)];
        await Travels(shapes);
        Assert.Contains("object", Refused<object>(1).Message);
        Assert.Contains("object", Refused(new Dictionary<string, object>()).Message);
        Assert.Contains("Unknown", Refused<Unknown?>(null).Message);
        Assert.Contains("IDisposable", Refused<IDisposable?>(null).Message);
        Assert.Contains("Untold", Refused(new Base(1)).Message);
        string derived = Refused<Animal>(new Dog { Name = "a", Age = 3 }).Message;
        Assert.Contains("Dog", derived);
        Assert.Contains("Animal", derived);
        Assert.Contains("Dog", Refused(new List<Animal> { new Dog() }).Message);
        Assert.Equal("b", (await Send(new Animal { Name = "b" })).Name);
    }

    [Fact]
    public async Task DerivedResultIsRefused()
    {
        var error = await Assert.ThrowsAsync<SerializationException>(
            () => worker.Pool.SubmitAsync(static Animal () => new Dog()).Soon());
        Assert.Contains("Dog", error.Message);
    }

    [Fact]
    public async Task ListsNested200DeepTravel()
    {
        var root = new Tree();
        Tree deepest = root;
        for (int i = 0; i < 200; ++i)
        {
            deepest.Children.Add(deepest = new Tree());
        }
        deepest.Name = "deep";
        Tree back = await Send(root);
        for (int i = 0; i < 200; ++i)
        {
            back = back.Children[0];
        }
        Assert.Equal("deep", back.Name);
    }

    [Fact]
    public void WhatIsNestedTooDeepIsRefusedWithTheLimit()
    {
        var circle = new Tree();
        circle.Children.Add(circle);
        Assert.Contains("1000", Refused(circle).Message);
    }

    public sealed class Tree
    {
        public string Name { get; set; } = "";

        public List<Tree> Children { get; set; } = [];
    }

    [Fact]
    public async Task TwoHundredMegabytesTravel()
    {
        var bytes = new byte[200 << 20];
        new Random(1).NextBytes(bytes.AsSpan(^1000..));
        byte[] hash = await worker.Pool.SubmitAsync(
            static (byte[] sent) => SHA256.HashData(sent), bytes)
            .WaitAsync(TimeSpan.FromMinutes(8));
        Assert.Equal(SHA256.HashData(bytes), hash);
    }

    [Fact]
    public void MoreThanThePoolTakesIsRefusedWithTheLimit()
    {
        using var pool = new ProcessPool(
            new ProcessPoolOptions { MaxWorkers = 1, MaxPayloadBytes = 10_000 });
        var error = Assert.Throws<SerializationException>(
            () => { pool.SubmitAsync(Echo<byte[]>, new byte[10_000]); });
        Assert.Contains("10000", error.Message);
    }
}

/// One worker for all tests of values.
public sealed class WorkerForValues : IDisposable
{
    public ProcessPool Pool { get; } = new(1);

    public void Dispose() => Pool.Dispose();
}

using Asyncpal.Internal;
using Xunit;

namespace Asyncpal.Tests;

/// The same arithmetic as C++'s: chunk_sizer_test.cc has more.
public class ChunkSizerTest
{
    private const double Cost = 1_000;  // ns

    /// A sizer that has seen chunks of inputs that take that long until it changed no more.
    private static ChunkSizer Settled(double nanos, int workers = 2)
    {
        var sizer = new ChunkSizer(Cost, workers);
        for (int i = 0; i < 40; ++i)
        {
            int size = sizer.Next(null);
            sizer.Learn(size, (long)(size * nanos));
        }
        return sizer;
    }

    [Fact]
    public void BeginsWithOneInput()
    {
        Assert.Equal(1, new ChunkSizer(Cost, 2).Next(1_000_000));
        Assert.Equal(1, new ChunkSizer(Cost, 2).Next(null));
    }

    [Theory]
    [InlineData(10, 2000)]
    [InlineData(1_000, 20)]
    [InlineData(15_000, 1)]
    [InlineData(1_000_000_000, 1)]
    public void AimsAtTwentyTimesTheCostOfATask(double nanos, int size) =>
        Assert.Equal(size, Settled(nanos).Next(null));

    [Fact]
    public void GrowsToDoubleAtMost()
    {
        var sizer = new ChunkSizer(Cost, 2);
        for (int size = 1; size <= 32; size *= 2)
        {
            Assert.Equal(size, sizer.Next(null));
            sizer.Learn(size, 0);
        }
    }

    [Fact]
    public void TakesAThirdOfAWorkersShareOfWhatIsLeft()
    {
        ChunkSizer sizer = Settled(1, workers: 4);
        Assert.Equal(100, sizer.Next(1200));
        Assert.Equal(1, sizer.Next(13));
        Assert.Equal(1, sizer.Next(0));
    }

    [Fact]
    public void BelievesInSlowInputsAtOnceAndInFastOnesByHalf()
    {
        ChunkSizer slower = Settled(10);
        slower.Learn(100, 100 * 1_000);
        Assert.Equal(20, slower.Next(null));

        ChunkSizer faster = Settled(1_000);
        faster.Learn(20, 20 * 10);
        Assert.InRange(faster.Next(null), 21, 39);
    }

    [Fact]
    public void SizesHaveAnEnd()
    {
        var sizer = new ChunkSizer(1e12, 1);
        sizer.Learn(int.MaxValue, 1);
        Assert.Equal(int.MaxValue, sizer.Next(null));
    }

    [Fact]
    public void ChunksAreLearnedOfInAnyOrder()
    {
        var chunks = new AutomaticChunks(Cost, 1, total: 9);
        ChunkTimer first = chunks.Start(1);
        ChunkTimer second = chunks.Start(1);
        second.Learn(1);
        Assert.Equal(2, chunks.Next());
        first.Learn(50_000);
        Assert.Equal(1, chunks.Next());
    }
}

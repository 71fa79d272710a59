using System;
using System.Threading;

namespace Asyncpal;

/// <content>How many workers there may be, and are at least.</content>
public abstract partial class Pool
{
    private readonly object _sizeLock = new();

    private protected bool HasFixedSize { get; init; }

    private int _maxWorkers;

    /// <summary>
    /// How many workers there may be at once. A change never waits: if tasks wait, more
    /// workers start at once; if there are too many, idle ones end now, and busy ones
    /// after their task.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// It is less than 1, or than <see cref="MinWorkers"/>; or the pool was made with a fixed
    /// size, as by <see cref="Executors.NewSingleThreadExecutor"/>.
    /// </exception>
    public int MaxWorkers
    {
        get => Volatile.Read(ref _maxWorkers);
        set
        {
            if (value < 1)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(MaxWorkers),
                    $"MaxWorkers is {value}; it must be at least 1");
            }
            lock (_sizeLock)
            {
                if (HasFixedSize && value != MaxWorkers)
                {
                    throw new ArgumentOutOfRangeException(
                        nameof(MaxWorkers),
                        $"MaxWorkers is {value}; {this} has a fixed size of {MaxWorkers}");
                }
                if (value < Native.MinWorkers())
                {
                    throw new ArgumentOutOfRangeException(
                        nameof(MaxWorkers),
                        $"MaxWorkers is {value}, less than MinWorkers, {Native.MinWorkers()}");
                }
                Native.SetMaxWorkers(value);
                Volatile.Write(ref _maxWorkers, value);
                OnResized(value);
            }
        }
    }

    /// <summary>
    /// How many workers stay when they are idle, and are replaced when they end; see
    /// <see cref="PoolOptions.MinWorkers"/>. <see cref="Join()"/> ends them, too, and they
    /// come back when it returns.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// It is negative, or more than <see cref="MaxWorkers"/>.
    /// </exception>
    public int MinWorkers
    {
        get => Native.MinWorkers();
        set
        {
            if (value < 0)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(MinWorkers),
                    $"MinWorkers is {value}; it must not be negative");
            }
            lock (_sizeLock)
            {
                if (value > MaxWorkers)
                {
                    throw new ArgumentOutOfRangeException(
                        nameof(MinWorkers),
                        $"MinWorkers is {value}, more than MaxWorkers, {MaxWorkers}");
                }
                Native.SetMinWorkers(value);
            }
        }
    }

    /// <summary>There may be that many workers from now on.</summary>
    private protected virtual void OnResized(int maxWorkers)
    {
    }

    /// <summary>Sets what native code has made of the option.</summary>
    private protected void InitMaxWorkers() => _maxWorkers = Native.MaxWorkers();
}

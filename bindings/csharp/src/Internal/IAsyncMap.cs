using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>A map that runs, and whose reader awaits. One thread at a time.</summary>
internal interface IAsyncMap<TOut> : IDisposable
{
    /// <summary>
    /// The results of the next chunk; what a call of it has thrown comes out after
    /// the results before that call. Null: that was all.
    /// </summary>
    /// <param name="token">Ends the wait.</param>
    Task<IEnumerable<TOut>?> NextAsync(CancellationToken token);
}

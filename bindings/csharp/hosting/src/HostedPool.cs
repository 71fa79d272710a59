using System;

namespace Asyncpal.Extensions.Hosting;

/// <summary>A pool that a host owns.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Get">The pool, which is made when it is first asked for.</param>
internal sealed record HostedPool(string Name, Func<IServiceProvider, Pool> Get);

using System;
using System.Linq;
using Asyncpal;
using Asyncpal.Extensions.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ThreadPool = Asyncpal.ThreadPool;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Pools of Asyncpal as services of a host.</summary>
/// <remarks>
/// <code>
/// builder.Services.AddAsyncpalThreadPool("images", o => o.MaxWorkers = 4);
/// builder.Services.AddAsyncpalProcessPool(
///     "plugins", builder.Configuration.GetSection("Plugins"));
/// ...
/// app.MapGet("/", ([FromKeyedServices("images")] ThreadPool pool) => ...);
/// app.MapHealthChecks("/health");
/// </code>
/// <para>Each pool is a keyed singleton. The host starts when all of them have
/// passed <see cref="Pool.Test"/>, and stops when they have run what was submitted,
/// or its <see cref="HostOptions.ShutdownTimeout"/> has passed: they are closed
/// after all other services have stopped, and so after the last request.</para>
/// <para>Each has a health check, named <c>asyncpal:</c> and the pool's name, which
/// is unhealthy once the pool is broken or closed. What posted tasks throw, and
/// what pools report, goes to the host's logger <c>Asyncpal</c>, unless
/// <see cref="PoolOptions.LoggerFactory"/> is set.</para>
/// </remarks>
public static class AsyncpalServiceCollectionExtensions
{
    /// <summary>Adds a pool of threads.</summary>
    /// <param name="services">The services to add it to.</param>
    /// <param name="name">The key; also the pool's name, unless that is set.</param>
    /// <param name="configure">Sets its options.</param>
    /// <exception cref="ArgumentException">A pool with this name exists
    /// already.</exception>
    public static IServiceCollection AddAsyncpalThreadPool(
        this IServiceCollection services,
        string name,
        Action<ThreadPoolOptions>? configure = null) =>
        Add<ThreadPool, ThreadPoolOptions>(
            services, name, static options => new ThreadPool(options), configure, null);

    /// <summary>Adds a pool of threads.</summary>
    /// <inheritdoc cref="AddAsyncpalThreadPool(IServiceCollection, string, Action{ThreadPoolOptions})"/>
    /// <param name="services">The services to add it to.</param>
    /// <param name="name">The key; also the pool's name, unless that is set.</param>
    /// <param name="configuration">
    /// The values of <see cref="ThreadPoolOptions"/> and
    /// <see cref="PoolHostingOptions"/> by their names.
    /// </param>
    public static IServiceCollection AddAsyncpalThreadPool(
        this IServiceCollection services, string name, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Add<ThreadPool, ThreadPoolOptions>(
            services, name, static options => new ThreadPool(options), null, configuration);
    }

    /// <summary>Adds a pool of processes.</summary>
    /// <param name="services">The services to add it to.</param>
    /// <param name="name">The key; also the pool's name, unless that is set.</param>
    /// <param name="configure">Sets its options.</param>
    /// <exception cref="ArgumentException">A pool with this name exists
    /// already.</exception>
    public static IServiceCollection AddAsyncpalProcessPool(
        this IServiceCollection services,
        string name,
        Action<ProcessPoolOptions>? configure = null) =>
        Add<ProcessPool, ProcessPoolOptions>(
            services, name, static options => new ProcessPool(options), configure, null);

    /// <summary>Adds a pool of processes.</summary>
    /// <inheritdoc cref="AddAsyncpalProcessPool(IServiceCollection, string, Action{ProcessPoolOptions})"/>
    /// <param name="services">The services to add it to.</param>
    /// <param name="name">The key; also the pool's name, unless that is set.</param>
    /// <param name="configuration">
    /// The values of <see cref="ProcessPoolOptions"/> and
    /// <see cref="PoolHostingOptions"/> by their names.
    /// </param>
    public static IServiceCollection AddAsyncpalProcessPool(
        this IServiceCollection services, string name, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Add<ProcessPool, ProcessPoolOptions>(
            services, name, static options => new ProcessPool(options), null, configuration);
    }

    private static IServiceCollection Add<TPool, TOptions>(
        IServiceCollection services,
        string name,
        Func<TOptions, TPool> make,
        Action<TOptions>? configure,
        IConfiguration? configuration)
        where TPool : Pool
        where TOptions : PoolOptions
    {
        AddHosting(services, name, provider => provider.GetRequiredKeyedService<TPool>(name));
        services.AddKeyedSingleton(name, (provider, _) =>
        {
            TOptions options =
                provider.GetRequiredService<IOptionsMonitor<TOptions>>().Get(name);
            return make(options with
            {
                Name = options.Name.Length > 0 ? options.Name : name,
                LoggerFactory = options.LoggerFactory
                    ?? provider.GetRequiredService<ILoggerFactory>(),
            });
        });
        OptionsBuilder<TOptions> pool = services.AddOptions<TOptions>(name).ValidateOnStart();
        OptionsBuilder<PoolHostingOptions> hosting =
            services.AddOptions<PoolHostingOptions>(name).ValidateOnStart();
        if (configure != null)
        {
            pool.Configure(configure);
        }
        if (configuration != null)
        {
            pool.Bind(configuration);
            hosting.Bind(configuration);
        }
        return services;
    }

    /// <summary>What is the same for both kinds.</summary>
    private static void AddHosting(
        IServiceCollection services, string name, Func<IServiceProvider, Pool> pool)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (services.Any(service =>
            service.ImplementationInstance is HostedPool other && other.Name == name))
        {
            throw new ArgumentException($"there is a pool '{name}' already", nameof(name));
        }
        var hosted = new HostedPool(name, pool);
        services.AddSingleton(hosted);
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IHostedService, PoolsHostedService>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<
            IValidateOptions<ThreadPoolOptions>, PoolOptionsValidation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<
            IValidateOptions<ProcessPoolOptions>, PoolOptionsValidation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<
            IValidateOptions<PoolHostingOptions>, PoolOptionsValidation>());
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            $"asyncpal:{name}",
            provider => new PoolHealthCheck(hosted.Get(provider)),
            failureStatus: null,
            tags: ["asyncpal"]));
    }
}

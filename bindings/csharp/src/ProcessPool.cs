using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Serialization.Metadata;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;
using Asyncpal.Internal.Json;

namespace Asyncpal;

/// <summary>Runs functions in a pool of processes.</summary>
/// <remarks>
/// <code>
/// using var pool = new ProcessPool(4);
/// Task&lt;long&gt; answer = pool.SubmitAsync(Fib, 40);
/// </code>
/// <para>For code that may crash, hang or leak: a worker that dies costs the one
/// task that it ran, which fails with a <see cref="WorkerLostException"/>; the
/// others continue, and a new worker is started. A task runs at most once, unless
/// its <see cref="TaskOptions"/> say otherwise.</para>
/// <para>What can run: static methods, lambdas without captures, and functions that
/// were named by <see cref="Register{T}(string, Func{T})"/>.</para>
/// <para>Arguments and results travel as JSON, by <c>System.Text.Json</c>, and come
/// back as they were. A type that would not is refused in the call, with a
/// <see cref="SerializationException"/> that names it and the member: members that
/// can't be set or bound to a constructor's parameter, fields that are not written,
/// <c>object</c>, subclasses that no <c>[JsonDerivedType]</c> declares, collections
/// with members or comparers of their own. <c>[JsonInclude]</c>,
/// <c>[JsonConstructor]</c> and a <c>[JsonConverter]</c> make most types fit;
/// members with <c>[JsonIgnore]</c> don't travel. An object that occurs twice
/// arrives as two, and <c>IEnumerable</c> and the like as lists, sets or
/// dictionaries.</para>
/// <para>Limits: 1000 levels, <see cref="Array.MaxLength"/> bytes of JSON for a call,
/// and <see cref="ProcessPoolOptions.MaxPayloadBytes"/>.</para>
/// <para>An exception arrives as one of the same type with the same message,
/// causes, <c>Data</c>, properties that can be set or passed to a constructor, and
/// both stacks. If that is impossible, it arrives as a
/// <see cref="RemoteException"/>.</para>
/// <para>A worker is this program, started once more by the same host, with the
/// same assemblies. Its Main does not run, unless it calls
/// <see cref="RunWorkerIfAsked(string[], IJsonTypeInfoResolver)"/>, so static state
/// is only what the classes' initializers and <see cref="PoolOptions.Initializer"/>
/// set up. Code of a plugin (<c>AssemblyLoadContext</c>) is loaded there from the
/// same file.</para>
/// <para>Cancelling a running task ends it by ending its worker, endless loops
/// included.</para>
/// </remarks>
public sealed partial class ProcessPool : Pool
{
    private readonly NativeProcessPool _native;
    private readonly JsonValues _values;

    /// <summary>Makes a pool with the default options.</summary>
    public ProcessPool()
        : this(new ProcessPoolOptions())
    {
    }

    /// <summary>Makes a pool of at most <paramref name="maxWorkers"/>
    /// workers.</summary>
    public ProcessPool(int maxWorkers)
        : this(new ProcessPoolOptions { MaxWorkers = maxWorkers })
    {
    }

    /// <summary>Makes a pool. Workers start when there are tasks.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="SerializationException">
    /// The initializer or the finalizer can't run in another process.
    /// </exception>
    public ProcessPool(ProcessPoolOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var source = JsonSource.Of(
            options.JsonTypeInfoResolver, options.JsonSerializerOptions);
        WorkerEntry.Check(source);
        _values = JsonValues.For(source ?? WorkerEntry.Source);
        using var settings = new NativeProcessPoolOptions
        {
            MaxWorkers = options.MaxWorkers,
            Name = options.Name.Length > 0 ? options.Name : nameof(ProcessPool),
            IdleTimeout = Durations.ToNanos(
                options.IdleTimeout, nameof(options.IdleTimeout)),
            MaxTasksPerWorker = options.MaxTasksPerWorker,
            MaxPending = options.MaxPending,
            WhenFull = (int)options.WhenFull,
            InitializerTimeout = Durations.ToNanos(
                options.InitializerTimeout, nameof(options.InitializerTimeout)),
            MaxPendingBytes = options.MaxPendingBytes,
            MaxRestarts = options.MaxRestarts,
            RestartWindow = Durations.ToNanos(
                options.RestartWindow, nameof(options.RestartWindow)),
            MaxPayloadBytes = options.MaxPayloadBytes,
            Initializer = Encode(options.Initializer),
            Finalizer = Encode(options.Finalizer),
            NoNewPrivileges = options.NoNewPrivileges,
        };
        if (options.HandshakeTimeout is TimeSpan timeout)
        {
            ArgumentOutOfRangeException.ThrowIfEqual(
                timeout, TimeSpan.Zero, nameof(options.HandshakeTimeout));
            settings.HandshakeTimeout =
                Durations.ToNanos(timeout, nameof(options.HandshakeTimeout));
        }
        WorkerCommand command = options.WorkerCommand == null
            ? WorkerCommand.Make()
            : new WorkerCommand(options.WorkerCommand, []);
        foreach (string word in command.Words)
        {
            settings.AddWorkerArgument(word);
        }
        foreach (string variable in command.Environment)
        {
            settings.AddWorkerVariable(variable);
        }
        Log = new PoolLog(options);
        Log.Set(settings);
        ObserverCalls? observer = ObserverCalls.Set(settings, options, Log);
        SetTimes(settings, options);
        settings.MaxWorkerBytes = options.MaxWorkerBytes;
        _native = ProcessPoolHost.NewPool(this, settings);
        Name = _native.Name();
        InitMaxWorkers();
        HasFixedSize = options.HasFixedSize;
        TimeProvider = options.TimeProvider;
        UnobservedFailureHandler = options.UnobservedFailureHandler;
        Register(observer);
    }

    internal override string Kind => "processes";

    internal override double MapTaskCost => 20_000;

    private protected override NativePool Native => _native;

    internal override bool IsOnWorker => false;

    private protected override TimeSpan KillGracePeriod => TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public override string ToString() => $"ProcessPool '{Name}'";

    /// <summary>
    /// Runs a C++ task by the name that ASYNCPAL_REGISTER_TASK has given it, in
    /// workers that are a C++ program;
    /// <see cref="ProcessPoolOptions.WorkerCommand"/> says which.
    /// </summary>
    /// <param name="name">The task's name.</param>
    /// <param name="arguments">
    /// They must have exactly the types of the function's parameters: <c>bool</c>,
    /// <c>sbyte</c>, <c>short</c>, <c>int</c>, <c>long</c>, <c>float</c>,
    /// <c>double</c>, <c>string</c>, <c>byte[]</c>
    /// (<c>std::vector&lt;uint8_t&gt;</c>), <see cref="TimeSpan"/>
    /// (<c>absl::Duration</c>), and arrays of these (<c>std::vector</c>).
    /// </param>
    /// <returns>A task with the result; T is one of these types.</returns>
    /// <exception cref="SerializationException">An argument is of another type.</exception>
    public Task<T> CallAsync<T>(string name, params object[] arguments)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        byte[] encoded = CppValues.Encode(arguments);
        CppValues.CheckResultType(typeof(T));
        return StartCpp(CppValues.DecodeResult<T>, name, encoded);
    }

    /// <summary>The same as the other form, for a C++ task that returns
    /// nothing.</summary>
    /// <inheritdoc cref="CallAsync{T}"/>
    public Task CallAsync(string name, params object[] arguments)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return StartCpp(CppValues.DecodeNothing, name, CppValues.Encode(arguments));
    }

    internal override Task<T> Submit<T>(
        Call<T> call, TaskOptions? options, CancellationToken token) =>
        options?.Retry != null
            ? Retry(call, options, token)
            : Start<T>(
                call.Function, call.Arguments, () => call.Invoke(), options, token);

    internal override Task<T> SubmitAsynchronous<T>(
        Call<Task<T>> call, TaskOptions? options, CancellationToken token) =>
        options?.Retry != null
            ? RetryAsynchronous(call, options, token)
            // The worker waits for the task that the function returns.
            : Start<T>(
                call.Function,
                call.Arguments,
                () => call.Invoke().GetAwaiter().GetResult(),
                options,
                token);

    private protected override Task Submit(CancelledTask task)
    {
        byte[] arguments = task.TakeCall(out string name);
        return Start(
            new RemoteTask<Nothing>(
                static _ => default,
                CancellationToken.None,
                () => new CancelledTask(
                    task.Name, () => throw NoCpp(name), () => arguments, name))
            {
                Activity = TaskTracing.Begin(this, task.Name).Activity,
            },
            name,
            arguments,
            task.Name.Length > 0 ? new TaskOptions { Name = task.Name } : null,
            CancellationToken.None);
    }

    private byte[] Encode(Action? hook) =>
        hook == null ? [] : new RemoteCall(hook, _values).Encode([]);

    private static InvalidOperationException NoCpp(string name) =>
        new($"the C++ task '{name}' can't be run in this process");

    private Task<T> StartCpp<T>(
        RemoteTask<T>.Decoder decode, string name, byte[] arguments)
    {
        TaskTrace trace = TaskTracing.Begin(this, name);
        return Start(
            new RemoteTask<T>(
                decode,
                CancellationToken.None,
                () => new CancelledTask(
                    "", () => throw NoCpp(name), () => arguments, name))
            {
                Activity = trace.Activity,
            },
            name,
            arguments,
            // For the TaskContext of C++.
            trace.IsSent ? new TaskOptions { Traceparent = trace.Parent! } : null,
            CancellationToken.None);
    }

    private Task<T> Start<T>(
        Delegate function,
        object?[] arguments,
        Action work,
        TaskOptions? options,
        CancellationToken token)
    {
        var call = new RemoteCall(function, _values);
        call.CheckResult<T>();
        TaskTrace trace = TaskTracing.Begin(this, options?.Name, options?.Traceparent);
        byte[] encoded;
        try
        {
            encoded = call.Encode(arguments, trace);
        }
        catch (Exception e)
        {
            TaskTracing.End(trace.Activity, e);
            throw;
        }
        CancelledTask ToCancelledTask() => new(
            options?.Name ?? "",
            work,
            () => call.Encode(arguments));
        return Start(
            new RemoteTask<T>(call.DecodeResult<T>, token, ToCancelledTask)
            {
                Activity = trace.Activity,
            },
            "",
            encoded,
            options,
            token);
    }

    private Task<T> Start<T>(
        RemoteTask<T> task,
        string name,
        byte[] arguments,
        TaskOptions? options,
        CancellationToken token,
        bool waitsForRoom = false)
    {
        if (token.IsCancellationRequested)
        {
            TaskTracing.End(task.Activity, null);
            return Task.FromCanceled<T>(token);
        }
        try
        {
            task.Submit(_native, name, arguments, options, waitsForRoom);
        }
        catch (Exception e)
        {
            TaskTracing.End(task.Activity, e);
            throw;
        }
        return task.Task;
    }
}

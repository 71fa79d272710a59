using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Reflection;
using System.Runtime.ExceptionServices;

namespace Asyncpal.Internal;

/// <summary>Makes an exception of what is known of one in another process.</summary>
/// <remarks>
/// How it works: each public constructor is called with what fits its parameters,
/// the ones that take most first, and then what can be set is set. The first result
/// that says and has what the original does is it. If there is none, a
/// <see cref="RemoteException"/> is: never one that is wrong.
/// </remarks>
internal static class ExceptionMaker
{
    // Guesses for one constructor.
    private const int MaxTries = 16;

    public static Exception Make(ExceptionState state)
    {
        Exception[] causes = [.. state.Causes.Select(Make)];
        Exception error = OfOurs(state, causes)
            ?? OfItsType(state, causes)
            ?? new RemoteException(state.FullName, state.Message, causes.FirstOrDefault());
        SetCommon(error, state);
        if (state.StackTrace.Length > 0)
        {
            ExceptionDispatchInfo.SetRemoteStackTrace(error, state.StackTrace);
        }
        return error;
    }

    /// <summary>A type by its name with the assembly; null: it is not here.</summary>
    [UnconditionalSuppressMessage(
        "Trimming", "IL2057", Justification = "what was trimmed is not found")]
    [UnconditionalSuppressMessage(
        "Trimming", "IL2026", Justification = "what was trimmed is not found")]
    public static Type? FindType(string name)
    {
        try
        {
            // A plugin's is in no context that is asked otherwise.
            return Type.GetType(name) ?? Type.GetType(
                name,
                wanted => Array.Find(
                    AppDomain.CurrentDomain.GetAssemblies(),
                    assembly => assembly.FullName == wanted.FullName),
                null);
        }
        catch (Exception)
        {
            return null;
        }
    }

    /// <summary>Those whose constructors are not public.</summary>
    private static Exception? OfOurs(ExceptionState state, Exception[] causes)
    {
        Exception? inner = causes.FirstOrDefault();
        Type? type = FindType(state.TypeName);
        if (type == typeof(RemoteException))
        {
            return new RemoteException(state.FullName, state.Message, inner);
        }
        if (type == typeof(PartialChunkException))
        {
            return ValueOf(state, nameof(PartialChunkException.Results)) is byte[] results
                ? new PartialChunkException(results, inner)
                : null;
        }
        if (type == typeof(WorkerLostException))
        {
            return new WorkerLostException(
                state.Message,
                inner,
                (long)(ValueOf(state, nameof(WorkerLostException.ProcessId)) ?? 0L),
                (int)(ValueOf(state, nameof(WorkerLostException.Signal)) ?? 0),
                (int)(ValueOf(state, nameof(WorkerLostException.ExitCode)) ?? -1),
                (string)(ValueOf(state, nameof(WorkerLostException.Phase)) ?? ""));
        }
        return type == typeof(BrokenPoolException)
                ? new BrokenPoolException(state.Message, inner)
            : type == typeof(InitializerException)
                ? new InitializerException(state.Message, inner)
            : type == typeof(FinalizerException)
                ? new FinalizerException(state.Message, inner)
            : type == typeof(RejectedException)
                ? new RejectedException(state.Message, inner)
            : null;
    }

    private static object? ValueOf(ExceptionState state, string member) =>
        state.Members.FirstOrDefault(one => one.Name == member)?.Value.Make();

    [UnconditionalSuppressMessage(
        "Trimming", "IL2075", Justification = "what was trimmed is not called")]
    private static Exception? OfItsType(ExceptionState state, Exception[] causes)
    {
        Type? type = FindType(state.TypeName);
        if (type is not { IsAbstract: false, ContainsGenericParameters: false }
            || !typeof(Exception).IsAssignableFrom(type))
        {
            return null;
        }
        var made = state.Members
            .Select(member => (member.Name, Value: Guarded.Try(member.Value.Make)))
            .Where(member => member.Value != null)
            .ToDictionary(member => member.Name, member => member.Value!);
        return type.GetConstructors()
            .SelectMany(constructor => Bind(constructor, state, causes, made)
                .Take(MaxTries)
                .Select(arguments => (Constructor: constructor, Arguments: arguments)))
            .OrderByDescending(call => call.Arguments.Count(value => value != null))
            .ThenBy(call => call.Arguments.Length)
            .Select(call => Guarded.Try(() =>
                Call(call.Constructor, call.Arguments, state, causes, made)))
            .FirstOrDefault(error => error != null);
    }

    /// <summary>All that a constructor may be called with, the likely first.</summary>
    private static IEnumerable<object?[]> Bind(
        ConstructorInfo constructor,
        ExceptionState state,
        Exception[] causes,
        Dictionary<string, object> members)
    {
        IEnumerable<object?[]> all = [[]];
        foreach (ParameterInfo parameter in constructor.GetParameters())
        {
            object?[] fitting = [.. Fitting(parameter, state, causes, members)];
            all = all.SelectMany(before => fitting.Select(
                value => (object?[])[.. before, value]));
        }
        return all;
    }

    private static IEnumerable<object?> Fitting(
        ParameterInfo parameter,
        ExceptionState state,
        Exception[] causes,
        Dictionary<string, object> members)
    {
        Type type = parameter.ParameterType;
        if (type.IsAssignableTo(typeof(Exception)))
        {
            return [causes.FirstOrDefault(type.IsInstanceOfType)];
        }
        if (type != typeof(object) && type.IsAssignableFrom(typeof(Exception[])))
        {
            return [causes];
        }
        string name = parameter.Name ?? "";
        List<object?> found = [.. MembersFor(members, name, type)];
        if (type == typeof(string)
            && name.EndsWith("message", StringComparison.OrdinalIgnoreCase))
        {
            found.Insert(0, state.RawMessage);
        }
        if (found.Count == 0
            && (!type.IsValueType || Nullable.GetUnderlyingType(type) != null))
        {
            found.Add(null);
        }
        return found;
    }

    /// <summary>
    /// The members that a parameter may be about: one of the same name, then those
    /// of a longer or shorter one, as in errorCode and SocketErrorCode. A wrong
    /// guess is found out later.
    /// </summary>
    private static IEnumerable<object> MembersFor(
        Dictionary<string, object> members, string name, Type type)
    {
        const StringComparison Ignoring = StringComparison.OrdinalIgnoreCase;
        return members
            .Where(member => !member.Key.Contains('.')
                && (member.Key.EndsWith(name, Ignoring)
                    || name.EndsWith(member.Key, Ignoring)))
            .OrderByDescending(member => member.Key.Equals(name, Ignoring))
            .Select(member => Fit(member.Value, type))
            .OfType<object>();
    }

    private static object? Fit(object value, Type type) =>
        type.IsInstanceOfType(value) ? value
        : type == typeof(int) && value.GetType().IsEnum
            ? Convert.ChangeType(value, typeof(int), null)
        : null;

    private static Exception? Call(
        ConstructorInfo constructor,
        object?[] arguments,
        ExceptionState state,
        Exception[] causes,
        Dictionary<string, object> members)
    {
        var error = (Exception)constructor.Invoke(arguments);
        SetMembers(error, members);
        SetCommon(error, state);
        return IsSame(error, state, causes) ? error : null;
    }

    [UnconditionalSuppressMessage(
        "Trimming", "IL2075", Justification = "what was trimmed is not set")]
    private static void SetMembers(Exception error, Dictionary<string, object> members)
    {
        foreach ((string name, object value) in members)
        {
            if (!name.Contains('.')
                && error.GetType().GetProperty(name) is
                    { SetMethod.IsPublic: true } property
                && property.PropertyType.IsInstanceOfType(value))
            {
                Guarded.Try<object>(() =>
                {
                    property.SetValue(error, value);
                    return null;
                });
            }
        }
    }

    private static void SetCommon(Exception error, ExceptionState state) =>
        Guarded.Try<object>(() =>
        {
            error.HResult = state.HResult;
            error.Source = state.Source;
            error.HelpLink = state.HelpLink;
            foreach ((ExceptionValue key, ExceptionValue value) in state.Data)
            {
                if (key.Make() is { } name)
                {
                    error.Data[name] = value.Make();
                }
            }
            return null;
        });

    private static bool IsSame(
        Exception error, ExceptionState state, Exception[] causes)
    {
        IReadOnlyList<Exception> its = error is AggregateException many
            ? many.InnerExceptions
            : error.InnerException is { } one ? [one] : [];
        if (error.Message != state.Message || !its.SequenceEqual(causes))
        {
            return false;
        }
        IReadOnlyList<ExceptionMember> members = ExceptionMember.AllOf(error);
        return members.Count == state.Members.Count
            && members.Zip(state.Members).All(pair =>
                pair.First.Name == pair.Second.Name
                && pair.First.Value.IsSame(pair.Second.Value));
    }
}

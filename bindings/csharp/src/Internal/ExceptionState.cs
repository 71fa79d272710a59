using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Reflection;
using System.Threading;
using Asyncpal.Internal.Json;

namespace Asyncpal.Internal;

/// <summary>All that can be told of an exception, and of its causes.</summary>
internal sealed class ExceptionState
{
    // Deeper ones would be a circle, or nobody's intention.
    private const int MaxDepth = 64;

    /// <summary>Its type, with the assembly.</summary>
    public required string TypeName { get; init; }

    /// <summary>Its type, as errors call it.</summary>
    public required string FullName { get; init; }

    public required string Message { get; init; }

    /// <summary>The message that its constructor was given, as far as known.</summary>
    public required string RawMessage { get; init; }

    public required string StackTrace { get; init; }

    public required int HResult { get; init; }

    public string? Source { get; init; }

    public string? HelpLink { get; init; }

    /// <summary>
    /// Its cause; those of an <see cref="AggregateException"/> are several.
    /// </summary>
    public required IReadOnlyList<ExceptionState> Causes { get; init; }

    /// <summary>Its properties and fields.</summary>
    public required IReadOnlyList<ExceptionMember> Members { get; init; }

    /// <summary>What is in its Data, keys before values, as far as it travels.</summary>
    public required IReadOnlyList<(ExceptionValue Key, ExceptionValue Value)> Data
    {
        get;
        init;
    }

    /// <summary>Looks at an exception. Throws nothing of its own.</summary>
    public static ExceptionState Of(Exception error) => Of(error, 0);

    public byte[] ToBytes(int process, long key)
    {
        var writer = new FrameWriter();
        writer.WriteInt(process);
        writer.WriteText(key.ToString(null, null));
        Write(writer);
        return writer.Written.ToArray();
    }

    public static ExceptionState Read(byte[] bytes, out int process, out long key)
    {
        var reader = new FrameReader(bytes);
        process = reader.ReadInt();
        key = long.Parse(reader.ReadText());
        return Read(ref reader);
    }

    private static ExceptionState Of(Exception error, int depth)
    {
        Exception[] causes = error is AggregateException { InnerExceptions: { } many }
            ? [.. many]
            : error.InnerException is { } one ? [one] : [];
        return new ExceptionState
        {
            TypeName = error.GetType().AssemblyQualifiedName ?? "",
            FullName = (error as RemoteException)?.TypeName
                ?? error.GetType().FullName ?? error.GetType().Name,
            Message = Guarded.Message(error),
            RawMessage = ExceptionFields.RawMessage(error) ?? Guarded.Message(error),
            StackTrace = Guarded.StackTrace(error),
            HResult = error.HResult,
            Source = Guarded.Try(() => error.Source),
            HelpLink = Guarded.Try(() => error.HelpLink),
            Causes = depth < MaxDepth
                ? [.. causes.Select(cause => Of(cause, depth + 1))]
                : [],
            Members = ExceptionMember.AllOf(error),
            Data = [.. DataOf(error)],
        };
    }

    private static List<(ExceptionValue, ExceptionValue)> DataOf(Exception error)
    {
        var all = new List<(ExceptionValue, ExceptionValue)>();
        try
        {
            foreach (DictionaryEntry entry in error.Data)
            {
                var key = ExceptionValue.Of(entry.Key);
                var value = ExceptionValue.Of(entry.Value);
                if (key.IsKnown && value.IsKnown)
                {
                    all.Add((key, value));
                }
            }
        }
        catch (Exception)
        {
            // What there was until then.
        }
        return all;
    }

    private void Write(FrameWriter to)
    {
        to.WriteText(TypeName);
        to.WriteText(FullName);
        to.WriteText(Message);
        to.WriteText(RawMessage);
        to.WriteText(StackTrace);
        to.WriteInt(HResult);
        to.WriteTexts(Source == null ? [] : [Source]);
        to.WriteTexts(HelpLink == null ? [] : [HelpLink]);
        to.WriteInt(Causes.Count);
        foreach (ExceptionState cause in Causes)
        {
            cause.Write(to);
        }
        to.WriteInt(Members.Count);
        foreach (ExceptionMember member in Members)
        {
            to.WriteText(member.Name);
            member.Value.Write(to);
        }
        to.WriteInt(Data.Count);
        foreach ((ExceptionValue key, ExceptionValue value) in Data)
        {
            key.Write(to);
            value.Write(to);
        }
    }

    private static ExceptionState Read(ref FrameReader from)
    {
        string typeName = from.ReadText();
        string fullName = from.ReadText();
        string message = from.ReadText();
        string rawMessage = from.ReadText();
        string stackTrace = from.ReadText();
        int hresult = from.ReadInt();
        string? source = from.ReadTexts().FirstOrDefault();
        string? helpLink = from.ReadTexts().FirstOrDefault();
        var causes = new ExceptionState[from.ReadInt()];
        for (int i = 0; i < causes.Length; ++i)
        {
            causes[i] = Read(ref from);
        }
        var members = new ExceptionMember[from.ReadInt()];
        for (int i = 0; i < members.Length; ++i)
        {
            members[i] = new ExceptionMember(
                from.ReadText(), ExceptionValue.Read(ref from));
        }
        var data = new (ExceptionValue, ExceptionValue)[from.ReadInt()];
        for (int i = 0; i < data.Length; ++i)
        {
            data[i] = (ExceptionValue.Read(ref from), ExceptionValue.Read(ref from));
        }
        return new ExceptionState
        {
            TypeName = typeName,
            FullName = fullName,
            Message = message,
            RawMessage = rawMessage,
            StackTrace = stackTrace,
            HResult = hresult,
            Source = source,
            HelpLink = helpLink,
            Causes = causes,
            Members = members,
            Data = data,
        };
    }
}

/// <summary>A property or a field of an exception.</summary>
/// <param name="Name">Of the property; of a field, with its class.</param>
/// <param name="Value">What it gives.</param>
internal sealed record ExceptionMember(string Name, ExceptionValue Value)
{
    // What all exceptions have is told apart.
    private static readonly HashSet<string> Common =
    [
        nameof(Exception.Data),
        nameof(Exception.HelpLink),
        nameof(Exception.HResult),
        nameof(Exception.InnerException),
        nameof(Exception.Message),
        nameof(Exception.Source),
        nameof(Exception.StackTrace),
        "TargetSite",
        nameof(AggregateException.InnerExceptions),
    ];

    /// <summary>
    /// All public properties, and for types that are not the platform's all fields,
    /// as there an exception that has another one is not the same.
    /// </summary>
    [UnconditionalSuppressMessage(
        "Trimming", "IL2075", Justification = "without metadata, fewer are compared")]
    [UnconditionalSuppressMessage(
        "Trimming", "IL2026", Justification = "without metadata, fewer are compared")]
    public static IReadOnlyList<ExceptionMember> AllOf(Exception error)
    {
        var all = new List<ExceptionMember>();
        foreach (PropertyInfo property in error.GetType().GetProperties(
            BindingFlags.Instance | BindingFlags.Public))
        {
            if (property.GetMethod is { IsPublic: true }
                && property.GetIndexParameters().Length == 0
                && !Common.Contains(property.Name)
                && property.PropertyType != typeof(CancellationToken)
                && all.TrueForAll(member => member.Name != property.Name))
            {
                all.Add(new ExceptionMember(
                    property.Name,
                    Guarded.Try(() => ExceptionValue.Of(property.GetValue(error)))
                        ?? ExceptionValue.Unknown));
            }
        }
        foreach (FieldInfo field in MemberFields.Of(error.GetType()))
        {
            if (!IsOfThePlatform(field.DeclaringType!)
                && field.FieldType != typeof(CancellationToken))
            {
                all.Add(new ExceptionMember(
                    $"{field.DeclaringType}.{field.Name}",
                    ExceptionValue.Of(field.GetValue(error))));
            }
        }
        return all;
    }

    private static bool IsOfThePlatform(Type type) =>
        type.Assembly == typeof(ExceptionMember).Assembly
        || type.Namespace?.Split('.')[0] is nameof(System) or "Microsoft";
}

/// <summary>A value beside an exception: null, JSON, or unknown.</summary>
/// <param name="TypeName">With the assembly; empty: there is no JSON.</param>
/// <param name="Json">As a worker writes it.</param>
/// <param name="IsKnown">False: there is a value that does not travel.</param>
internal sealed record ExceptionValue(string TypeName, byte[] Json, bool IsKnown)
{
    public static ExceptionValue Unknown { get; } = new("", [], false);

    private static ExceptionValue Null { get; } = new("", [], true);

    /// <summary>Throws nothing of its own.</summary>
    public static ExceptionValue Of(object? value)
    {
        if (value == null)
        {
            return Null;
        }
        try
        {
            Type type = value.GetType();
            JsonValues.Default.Check(type, "a value");
            var writer = new FrameWriter();
            JsonValues.Default.Write(writer, value, type, "a value");
            return new ExceptionValue(
                type.AssemblyQualifiedName!, writer.Written.ToArray(), true);
        }
        catch (Exception)
        {
            return Unknown;
        }
    }

    /// <summary>
    /// Makes the value; <see langword="null"/> also where that can't be done.
    /// </summary>
    public object? Make()
    {
        if (TypeName.Length == 0 || ExceptionMaker.FindType(TypeName) is not { } type)
        {
            return null;
        }
        var reader = new FrameReader(Json);
        return JsonValues.Default.Read(reader.ReadBytes(), type, "a value");
    }

    /// <summary>Whether it is the same, as far as that can be told.</summary>
    public bool IsSame(ExceptionValue other) =>
        IsKnown
        && other.IsKnown
        && TypeName == other.TypeName
        && Json.AsSpan().SequenceEqual(other.Json);

    public void Write(FrameWriter to)
    {
        to.WriteByte(IsKnown ? (byte)1 : (byte)0);
        to.WriteText(TypeName);
        to.WriteBytes(Json);
    }

    public static ExceptionValue Read(ref FrameReader from)
    {
        bool isKnown = from.ReadByte() != 0;
        string typeName = from.ReadText();
        return new ExceptionValue(typeName, from.ReadBytes().ToArray(), isKnown);
    }
}

using System;
using System.Collections.Generic;

namespace Asyncpal.Internal;

/// <summary>Arguments and results of C++ tasks.</summary>
internal static class CppValues
{
    private static readonly Dictionary<Type, Action<ValueWriter, object>> Writers = new()
    {
        [typeof(bool)] = (to, value) => to.WriteBool((bool)value),
        [typeof(sbyte)] = (to, value) => to.WriteInt8((sbyte)value),
        [typeof(short)] = (to, value) => to.WriteInt16((short)value),
        [typeof(int)] = (to, value) => to.WriteInt32((int)value),
        [typeof(long)] = (to, value) => to.WriteInt64((long)value),
        [typeof(float)] = (to, value) => to.WriteFloat((float)value),
        [typeof(double)] = (to, value) => to.WriteDouble((double)value),
        [typeof(string)] = (to, value) => to.WriteString((string)value),
        [typeof(byte[])] = (to, value) => to.WriteBytes((byte[])value),
        [typeof(TimeSpan)] = (to, value) =>
            to.WriteDuration(Durations.ToNanos((TimeSpan)value)),
    };

    private static readonly Dictionary<Type, Func<ValueReader, object>> Readers = new()
    {
        [typeof(bool)] = from => from.ReadBool(),
        [typeof(sbyte)] = from => from.ReadInt8(),
        [typeof(short)] = from => from.ReadInt16(),
        [typeof(int)] = from => from.ReadInt32(),
        [typeof(long)] = from => from.ReadInt64(),
        [typeof(float)] = from => from.ReadFloat(),
        [typeof(double)] = from => from.ReadDouble(),
        [typeof(string)] = from => from.ReadString(),
        [typeof(byte[])] = from => from.ReadBytes(),
        [typeof(TimeSpan)] = from => Durations.FromNanos(from.ReadDuration()),
    };

    public static byte[] Encode(object[] arguments)
    {
        using var writer = new ValueWriter();
        for (int i = 0; i < arguments.Length; ++i)
        {
            if (arguments[i] is not { } value || !Write(writer, value))
            {
                throw new SerializationException(
                    $"argument {i + 1} of a C++ task can't be "
                    + (arguments[i]?.GetType().ToString() ?? "null")
                    + "; see ProcessPool.CallAsync()");
            }
        }
        return writer.Finish();
    }

    public static void CheckResultType(Type type)
    {
        if (!Readers.ContainsKey(type)
            && !(type.IsArray && Readers.ContainsKey(type.GetElementType()!)))
        {
            throw new SerializationException(
                $"a C++ task can't return {type}; see ProcessPool.CallAsync()");
        }
    }

    public static T DecodeResult<T>(ReadOnlySpan<byte> bytes)
    {
        using var reader = new ValueReader(bytes.ToArray());
        var result = (T)Read(reader, typeof(T));
        reader.ExpectEnd();
        return result;
    }

    public static Nothing DecodeNothing(ReadOnlySpan<byte> bytes)
    {
        using var reader = new ValueReader(bytes.ToArray());
        reader.ExpectEnd();
        return default;
    }

    private static bool Write(ValueWriter writer, object value)
    {
        if (Writers.TryGetValue(value.GetType(), out Action<ValueWriter, object>? write))
        {
            write(writer, value);
            return true;
        }
        if (value is not Array array
            || !Writers.TryGetValue(array.GetType().GetElementType()!, out write))
        {
            return false;
        }
        writer.WriteSize(array.Length);
        foreach (object element in array)
        {
            write(writer, element);
        }
        return true;
    }

    private static object Read(ValueReader reader, Type type)
    {
        if (Readers.TryGetValue(type, out Func<ValueReader, object>? read))
        {
            return read(reader);
        }
        Type element = type.GetElementType()!;
        Array array =
            Array.CreateInstanceFromArrayType(type, checked((int)reader.ReadSize(1)));
        for (int i = 0; i < array.Length; ++i)
        {
            array.SetValue(Readers[element](reader), i);
        }
        return array;
    }
}

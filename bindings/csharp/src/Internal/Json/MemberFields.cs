using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Asyncpal.Internal.Json;

/// <summary>Which field a property gives out.</summary>
[RequiresUnreferencedCode("reads the code of properties")]
internal static class MemberFields
{
    private const BindingFlags Declared = BindingFlags.Instance
        | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>All fields of an object of that type, inherited ones too.</summary>
    public static IEnumerable<FieldInfo> Of(Type? type)
    {
        for (; type != null && type != typeof(object) && type != typeof(ValueType);
             type = type.BaseType)
        {
            foreach (FieldInfo field in type.GetFields(Declared))
            {
                yield return field;
            }
        }
    }

    /// <summary>
    /// The field behind a property that does nothing but return it; null: there
    /// is more to it.
    /// </summary>
    public static FieldInfo? BehindOf(PropertyInfo property)
    {
        if (property.GetMethod is not { IsStatic: false, DeclaringType: { } type } getter
            || getter.GetMethodBody()?.GetILAsByteArray() is not { } code
            || FindField(code) is not { } token)
        {
            return null;
        }
        Type[] arguments = type.IsGenericType ? type.GetGenericArguments() : [];
        FieldInfo? field = getter.Module.ResolveField(token, arguments, []);
        // The one of the type itself, as reflection lists it.
        return field?.DeclaringType?.GetField(field.Name, Declared);
    }

    /// <summary>How errors call a field.</summary>
    public static string NameOf(FieldInfo field)
    {
        int end = field.Name.IndexOf('>');
        return field.Name.StartsWith('<') && end > 1 ? field.Name[1..end] : field.Name;
    }

    /// <summary>
    /// The token in `return this.field;`, as compilers write it with and without
    /// optimisation.
    /// </summary>
    private static int? FindField(ReadOnlySpan<byte> code)
    {
        const byte Nop = 0x00, LoadThis = 0x02, LoadField = 0x7b;
        while (!code.IsEmpty && code[0] == Nop)
        {
            code = code[1..];
        }
        if (code.Length < 7 || code[0] != LoadThis || code[1] != LoadField)
        {
            return null;
        }
        ReadOnlySpan<byte> after = code[6..];
        ReadOnlySpan<byte> optimised = [0x2a];  // ret
        // stloc.0, br.s to the next, ldloc.0, ret
        ReadOnlySpan<byte> plain = [0x0a, 0x2b, 0x00, 0x06, 0x2a];
        return after.SequenceEqual(optimised) || after.SequenceEqual(plain)
            ? BitConverter.ToInt32(code[2..6])
            : null;
    }
}

using System.Reflection;
using Asyncpal;
using Asyncpal.Extensions.Hosting;
using Microsoft.Extensions.Options;
using ThreadPool = Asyncpal.ThreadPool;

// Sets each option of a pool by the configuration alone, for package_test.py. What
// no text can say, such as a function, is left out by its type.
var texts = new Dictionary<string, string?>();
foreach (PropertyInfo option in OptionsOf(typeof(ThreadPoolOptions)))
{
    Add("Threads", option);
}
foreach (PropertyInfo option in OptionsOf(typeof(ProcessPoolOptions)))
{
    Add("Processes", option);
}
foreach (PropertyInfo option in OptionsOf(typeof(PoolHostingOptions)))
{
    Add("Threads", option);
    Add("Processes", option);
}

var builder = WebApplication.CreateBuilder();
builder.Configuration.AddInMemoryCollection(texts);
builder.Services.AddAsyncpalThreadPool(
    "threads", builder.Configuration.GetSection("Threads"));
builder.Services.AddAsyncpalProcessPool(
    "processes", builder.Configuration.GetSection("Processes"));
IServiceProvider services = builder.Build().Services;

int count = 0;
Compare<ThreadPoolOptions>("threads");
Compare<ProcessPoolOptions>("processes");
Compare<PoolHostingOptions>("threads");
Compare<PoolHostingOptions>("processes");
Console.WriteLine($"bound: {count}");

static IEnumerable<PropertyInfo> OptionsOf(Type type) =>
    type.GetProperties().Where(option => option.CanWrite && TextFor(option) != null);

static string? TextFor(PropertyInfo option)
{
    Type type = Nullable.GetUnderlyingType(option.PropertyType) ?? option.PropertyType;
    return type == typeof(int) || type == typeof(long) ? "1234567"
        : type == typeof(TimeSpan) ? "00:00:07"
        : type == typeof(bool) ? "toggle"
        : type == typeof(string) || type == typeof(IReadOnlyList<string>) ? "a text"
        : type.IsEnum ? Enum.GetNames(type)[^1]
        : typeof(Delegate).IsAssignableFrom(type)
            || type == typeof(PoolObserver)
            || type == typeof(TimeProvider)
            || type == typeof(ILoggerFactory)
            || option.Name is "JsonTypeInfoResolver" or "JsonSerializerOptions" ? null
        : throw new NotSupportedException($"a value for {option.Name}, a {type}");
}

static string Expected(PropertyInfo option, object defaults) =>
    TextFor(option) is not "toggle" and string text ? text
        : (!(bool)option.GetValue(defaults)!).ToString();

void Add(string section, PropertyInfo option) =>
    texts[$"{section}:{option.Name}"
        + (option.PropertyType == typeof(IReadOnlyList<string>) ? ":0" : "")] =
        Expected(option, Activator.CreateInstance(option.ReflectedType!)!);

void Compare<T>(string name)
    where T : class, new()
{
    T bound = services.GetRequiredService<IOptionsMonitor<T>>().Get(name);
    foreach (PropertyInfo option in OptionsOf(typeof(T)))
    {
        object? value = option.GetValue(bound);
        string? text = value is IReadOnlyList<string> list ? list[0] : value?.ToString();
        if (text == Expected(option, new T()))
        {
            count++;
        }
        else
        {
            Console.WriteLine($"{typeof(T).Name}.{option.Name} of {name} is '{text}'");
        }
    }
}

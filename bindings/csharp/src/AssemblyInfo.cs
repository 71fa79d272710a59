using System.Runtime.CompilerServices;
using System.Runtime.Versioning;

[assembly: InternalsVisibleTo("AsyncpalTest")]
[assembly: SupportedOSPlatform("linux")]


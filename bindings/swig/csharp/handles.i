// Each native object belongs to a SafeHandle: calls keep it alive while they
// run, whoever disposes of it meanwhile, and it is freed once.

%typemap(imtype, out="global::System.IntPtr")
    SWIGTYPE, SWIGTYPE *, SWIGTYPE & "Asyncpal.Internal.NativeHandle"
%typemap(csin) SWIGTYPE, SWIGTYPE *, SWIGTYPE & "$csinput.swigCPtr"

%typemap(csbody) SWIGTYPE %{
  internal readonly NativeHandle swigCPtr;

  internal $csclassname(global::System.IntPtr pointer, bool owned)
      : this(new NativeHandle(pointer, owned ? Delete : null)) {
  }

  private protected $csclassname(NativeHandle handle) {
    swigCPtr = handle;
  }

  [global::System.Runtime.InteropServices.DllImport(
      "$dllimport", EntryPoint="CSharp_AsyncpalfInternal_delete_$csclassname___")]
  private static extern void Delete(global::System.IntPtr pointer);

%}

// No class has more than one base, which is at its beginning, so that all its
// pointers are the same.
%typemap(csbody_derived) SWIGTYPE %{
  internal $csclassname(global::System.IntPtr pointer, bool owned)
      : base(new NativeHandle(pointer, owned ? Delete : null)) {
  }

  [global::System.Runtime.InteropServices.DllImport(
      "$dllimport", EntryPoint="CSharp_AsyncpalfInternal_delete_$csclassname___")]
  private static extern void Delete(global::System.IntPtr pointer);

%}

%typemap(csdispose) SWIGTYPE
%{
  public void Dispose() {
    swigCPtr.Dispose();
  }
%}
%typemap(csdispose_derived) SWIGTYPE ""
%typemap(csdisposing, methodname="Dispose", methodmodifiers="private",
         parameters="bool disposing") SWIGTYPE ""
%typemap(csdisposing_derived, methodname="Dispose", methodmodifiers="private",
         parameters="bool disposing") SWIGTYPE ""
